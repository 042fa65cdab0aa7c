//! Requests, made of the steps of a connector: filled, signed in, and shown without anything secret.

use super::fill::Values;
use super::secret::MASK;
use super::signature::{self, CONTENT_HASH, DATE};
use super::{Auth, AuthKind, Body, Parcel, Part, Secret, Step};
use crate::packet::write::hex;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde_json::Value;
use std::fmt::Write;
use url::Url;

/// A request, before it is bytes.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub url: Url,
    /// Beside those that belong to the body and the connection.
    pub headers: Vec<(String, String)>,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    None,
    File,
    Text { content_type: String, text: String },
    Json(Value),
    Form(Vec<Field>),
}

/// One part of a form; no text where it is the packet.
#[derive(Debug, Clone)]
struct Field {
    name: String,
    content_type: Option<String>,
    text: Option<String>,
}

impl Request {
    /// Fills the templates of a step. Headers and parts of a form that come out empty are left out.
    ///
    /// # Errors
    /// Where a template cannot be filled, or a value does not fit where it goes.
    pub fn of(step: &Step, values: &Values) -> Result<Request, String> {
        let url = values.url(&step.url)?;
        let mut headers = Vec::new();
        for (name, template) in &step.headers {
            let value = values.text(template)?;
            if !value.is_empty() {
                headers.push((name.clone(), value));
            }
        }
        let content = match &step.body {
            Body::None => Content::None,
            Body::File => Content::File,
            Body::Text { content_type, text } => {
                Content::Text { content_type: content_type.clone(), text: values.text(text)? }
            }
            Body::Json(json) => Content::Json(values.json(json)?.unwrap_or_default()),
            Body::Form(parts) => {
                let fields: Result<Vec<_>, _> = parts.iter().map(|part| field(part, values)).collect();
                Content::Form(fields?.into_iter().flatten().collect())
            }
        };
        Ok(Request { method: step.method.clone(), url, headers, content })
    }

    /// Adds what proves who sends it. Without a secret its place is masked.
    ///
    /// # Errors
    /// As [`Request::of`].
    pub fn sign_in(
        &mut self,
        auth: &Auth,
        values: &Values,
        secret: Option<&Secret>,
        parcel: &Parcel,
        now: Timestamp,
    ) -> Result<(), String> {
        let token = secret.map_or(MASK, Secret::expose);
        let known = values.with("token", token);
        match &auth.kind {
            AuthKind::Basic { user, password } => {
                let pair = format!("{}:{}", known.text(user)?, known.text(password)?);
                let coded = if secret.is_some() { BASE64.encode(pair) } else { MASK.to_owned() };
                self.header("authorization", format!("Basic {coded}"));
            }
            AuthKind::Bearer => self.header("authorization", format!("Bearer {token}")),
            AuthKind::Header { name, value } => self.header(&name.to_lowercase(), known.text(value)?),
            AuthKind::Query { name } => _ = self.url.query_pairs_mut().append_pair(name, token),
            AuthKind::S3 { key_id, region } => {
                let (key_id, region) = (values.text(key_id)?, values.text(region)?);
                let (_, body) = self.body(parcel);
                self.header(DATE, signature::stamp(now));
                self.header(CONTENT_HASH, hex(&body));
                let key = signature::Key { id: &key_id, secret: token, region: &region };
                let headers: Vec<(&str, &str)> = self
                    .headers
                    .iter()
                    .filter(|(name, _)| name.starts_with("x-amz-"))
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                let signed = signature::authorization(&key, &self.method, &self.url, &headers);
                let shown = signed.rsplit_once('=').map_or(signed.as_str(), |(before, _)| before);
                let value = if secret.is_some() { signed.clone() } else { format!("{shown}={MASK}") };
                self.header("authorization", value);
            }
        }
        Ok(())
    }

    fn header(&mut self, name: &str, value: String) {
        self.headers.push((name.to_owned(), value));
    }

    /// The body with its media type; empty where there is none.
    pub fn body(&self, parcel: &Parcel) -> (Option<String>, Vec<u8>) {
        match &self.content {
            Content::None => (None, Vec::new()),
            Content::File => (Some(parcel.media_type().to_owned()), parcel.bytes.clone()),
            Content::Text { content_type, text } => (Some(content_type.clone()), text.clone().into_bytes()),
            Content::Json(value) => (Some("application/json".to_owned()), value.to_string().into_bytes()),
            Content::Form(fields) => (Some(form_type(parcel)), form(fields, parcel, &parcel.bytes)),
        }
    }

    /// The request as it would go out, with the packet itself and everything secret only named.
    pub fn shown(&self, parcel: &Parcel) -> String {
        let mut out = format!("{} {}\n", self.method, self.url);
        let (content_type, _) = match &self.content {
            Content::None => (None, ()),
            Content::Form(_) => (Some(form_type(parcel)), ()),
            _ => (self.body(parcel).0, ()),
        };
        let content_type = content_type.map(|value| ("content-type".to_owned(), value));
        for (name, value) in self.headers.iter().chain(&content_type) {
            let _ = writeln!(out, "{name}: {value}");
        }
        let body = match &self.content {
            Content::None => return out,
            Content::File => parcel.stand_in(),
            Content::Text { text, .. } => text.clone(),
            Content::Json(value) => format!("{value:#}"),
            Content::Form(fields) => {
                String::from_utf8_lossy(&form(fields, parcel, parcel.stand_in().as_bytes())).replace("\r\n", "\n")
            }
        };
        let _ = writeln!(out, "\n{}", body.trim_end());
        out
    }
}

fn field(part: &Part, values: &Values) -> Result<Option<Field>, String> {
    let name = values.text(&part.name)?;
    let content_type = part.content_type.clone();
    let Some(template) = &part.text else { return Ok(Some(Field { name, content_type, text: None })) };
    let text = values.text(template)?;
    Ok((!text.is_empty()).then_some(Field { name, content_type, text: Some(text) }))
}

/// What stands between the parts: no part can hold it, because no packet holds its own hash.
fn boundary(parcel: &Parcel) -> String {
    format!("firstline-{}", &parcel.sha256[..32])
}

fn form_type(parcel: &Parcel) -> String {
    format!("multipart/form-data; boundary={}", boundary(parcel))
}

/// A form (RFC 7578). Names in it come from the connector, and the file's name is plain; quotes are escaped as browsers
/// do.
fn form(fields: &[Field], parcel: &Parcel, packet: &[u8]) -> Vec<u8> {
    let boundary = boundary(parcel);
    let quoted = |name: &str| name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    let mut out = Vec::with_capacity(packet.len() + 4096);
    for field in fields {
        let (file, default) = match field.text {
            Some(_) => (String::new(), None),
            None => (format!("; filename=\"{}\"", quoted(&parcel.name)), Some(parcel.media_type())),
        };
        let content_type = field.content_type.as_deref().or(default);
        let content_type = content_type.map(|kind| format!("Content-Type: {kind}\r\n")).unwrap_or_default();
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"{file}\r\n{content_type}\r\n",
            quoted(&field.name)
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(field.text.as_ref().map_or(packet, |text| text.as_bytes()));
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

/// Host and port as the `Host` header has them.
pub fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"))
}
