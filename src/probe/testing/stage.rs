//! A network that plays what a test tells it to, for the probes' own tests.

use crate::observation::Observation;
use crate::probe::Probe;
use crate::sys::{Known, Machine, Route, Towards};
use crate::world::*;
use async_trait::async_trait;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::sleep;

/// What each call gives; the number of the call comes first where repeats may differ.
pub struct Stage {
    pub connect: fn(u32, SocketAddr) -> Result<(), Failure>,
    pub exchange: fn(u32, SocketAddr) -> Result<(), Failure>,
    pub echo: fn(u32, u16) -> Result<EchoSeries, String>,
    pub trace: fn(u32) -> Result<Vec<Hop>, String>,
    pub path_mtu: fn(u32) -> Result<PathMtu, String>,
    pub who: Option<(Failure, &'static str)>,
    pub time: fn(SocketAddr) -> Result<ServerTime, Failure>,
    pub clock: crate::sys::Clock,
}

impl Default for Stage {
    fn default() -> Self {
        Stage {
            connect: |_, _| Err(Failure::Timeout),
            exchange: |_, _| Err(Failure::Timeout),
            echo: |_, _| Err("no echo socket".to_owned()),
            trace: |_| Ok(Vec::new()),
            path_mtu: |_| Err("not here".to_owned()),
            who: None,
            time: |_| Err(Failure::Timeout),
            clock: crate::sys::Clock::default(),
        }
    }
}

struct Playing {
    stage: Stage,
    calls: RefCell<HashMap<&'static str, u32>>,
}

impl Playing {
    /// The number of this call among those of its kind, from 0.
    fn number(&self, kind: &'static str) -> u32 {
        let mut calls = self.calls.borrow_mut();
        let next = calls.entry(kind).or_default();
        *next += 1;
        *next - 1
    }

    async fn after<T>(&self, wait: Duration, result: Result<T, Failure>) -> Result<T, Failure> {
        sleep(if matches!(result, Err(Failure::Timeout)) { wait } else { Duration::from_millis(2) }).await;
        result
    }
}

#[async_trait(?Send)]
impl Network for Playing {
    async fn connect(&self, to: SocketAddr, dial: &Dial) -> Result<Connection, Failure> {
        let took = Duration::from_millis(2);
        self.after(dial.wait, (self.stage.connect)(self.number("connect"), to)).await?;
        let (stream, _) = tokio::io::duplex(8);
        Ok(Connection {
            stream: Box::new(stream),
            local: "10.0.0.2:50000".parse().ok(),
            took,
            repeats: Default::default(),
        })
    }

    async fn exchange(&self, to: SocketAddr, _: &[u8], dial: &Dial) -> Result<Reply, Failure> {
        self.after(dial.wait, (self.stage.exchange)(self.number("exchange"), to)).await?;
        Ok(Reply { bytes: vec![1], local: None, took: Duration::from_millis(2) })
    }

    async fn echo(
        &self,
        _: IpAddr,
        count: u16,
        spacing: Duration,
        wait: Duration,
        _: usize,
    ) -> Result<EchoSeries, String> {
        let series = (self.stage.echo)(self.number("echo"), count)?;
        let silent = series.replies.iter().any(Option::is_none);
        sleep(spacing * u32::from(count - 1) + if silent { wait } else { Duration::from_millis(2) }).await;
        Ok(series)
    }

    async fn trace(&self, _: IpAddr, _: u16, _: u8, wait: Duration) -> Result<Vec<Hop>, String> {
        let hops = (self.stage.trace)(self.number("trace"))?;
        let ended = hops.last().is_some_and(|hop| hop.is_target || hop.said.is_some());
        sleep(if ended { Duration::from_millis(5) } else { wait }).await;
        Ok(hops)
    }

    async fn path_mtu(&self, _: IpAddr, _: Duration) -> Result<PathMtu, String> {
        sleep(Duration::from_millis(300)).await;
        (self.stage.path_mtu)(self.number("path_mtu"))
    }

    async fn who_refuses(&self, _: SocketAddr, _: Duration) -> Option<(Failure, IpAddr)> {
        self.stage.who.as_ref().map(|(failure, from)| (failure.clone(), from.parse().unwrap()))
    }

    async fn time(&self, server: SocketAddr, wait: Duration) -> Result<ServerTime, Failure> {
        self.after(wait, (self.stage.time)(server)).await
    }

    async fn lookup(&self, name: &str, _: Duration) -> Result<Vec<IpAddr>, LookupFailure> {
        if name == "time.test" { Ok(vec!["192.0.2.123".parse().unwrap()]) } else { Err(LookupFailure::NotFound) }
    }
}

#[async_trait(?Send)]
impl Machine for Playing {
    async fn route_to(&self, Towards { address: target, .. }: Towards) -> Known<Route> {
        let (source, gateway) =
            if target.is_loopback() { (target, None) } else { ([10, 0, 0, 2].into(), Some([10, 0, 0, 1].into())) };
        let interface = Some("eth0".to_owned());
        Ok(Route { source: Some(source), gateway, interface, kind: "unicast".to_owned(), ..Route::default() })
    }

    async fn routes(&self) -> Known<Vec<Route>> {
        Ok(vec![Route { kind: "unicast".to_owned(), ..Route::default() }])
    }

    async fn clock(&self) -> Known<crate::sys::Clock> {
        Ok(self.stage.clock.clone())
    }
}

/// Runs the probe on the stage: the final observations, and those emitted before with their times in milliseconds.
pub async fn play(probe: &'static Probe, stage: Stage, args: Value) -> (Vec<Observation>, Vec<(u64, Observation)>) {
    let playing = |stage| Playing { stage, calls: RefCell::default() };
    let clock = stage.clock.clone();
    let world = super::world(playing(Stage { clock, ..Stage::default() }), playing(stage));
    let seen = super::look(probe, &world, args, super::LONG).await;
    let emitted = seen.emitted.into_iter().map(|(after, observation)| (after.as_millis() as u64, observation));
    (seen.last, emitted.collect())
}
