//! Firstline finds out why a machine cannot do what its user needs, gets the user working again, and hands the evidence
//! on. See `docs/architecture.md` for the path that a run takes through these modules.

pub mod case_file;
pub mod cli;
pub mod commands;
pub mod diagnosis;
pub mod error;
pub mod exit;
pub mod layer;
pub mod observation;
pub mod packet;
pub mod patience;
pub mod playbook;
pub mod probe;
pub mod problem;
pub mod report;
pub mod request;
pub mod run;
pub mod seal;
pub mod send;
pub mod settings;
pub mod sys;
pub mod target;
pub mod ui;
pub mod world;
