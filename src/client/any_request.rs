//! Requests built from the description of an operation.

use progenitor_client::{ByteStream, RequestBuilderExt as _, ResponseValue};
use serde_json::Value;

use super::error::{Error, ErrorKind};
use super::path::{encode_path, segment};
use super::transport::{Session, Transport};
use crate::catalogue::{Operation, Parameter};
use crate::values::Json;

/// A request for any operation: its URL, its parameters by name, and its body as JSON.
pub(super) struct AnyRequest<'a> {
    transport: &'a Transport,
    operation: &'static Operation,
    url: String,
    query: Vec<(&'a str, &'a str)>,
    headers: Vec<(&'a str, &'a str)>,
    body: Option<&'a str>,
}

impl<'a> AnyRequest<'a> {
    pub(super) fn new<E>(
        transport: &'a Transport,
        operation: &'static Operation,
        parameters: &[(&'a str, &'a str)],
        body: Option<&'a str>,
    ) -> Result<Self, Error<E>> {
        check(operation, parameters)?;
        let value = |name: &str| parameters.iter().find(|(given, _)| is_same(given, name)).map(|(_, value)| *value);
        let mut url = format!("{}{}", transport.server(operation)?, operation.path);
        for parameter in operation.path_parameters {
            let value = segment(operation, parameter.name, value(parameter.name).unwrap_or_default())?;
            url = url.replace(&format!("{{{}}}", parameter.name), &encode_path(value));
        }
        let given = |it: &'static Parameter| Some((it.name, value(it.name)?));
        Ok(Self {
            transport,
            operation,
            url,
            query: operation.query_parameters.iter().filter_map(given).collect(),
            headers: operation.headers.iter().filter(|it| !it.constant).filter_map(given).collect(),
            body,
        })
    }

    /// Sends the request once.
    pub(super) fn send(
        &self,
        session: Session,
    ) -> impl Future<Output = Result<ResponseValue<ByteStream>, progenitor_client::Error<()>>> + Send + use<'a> {
        use progenitor_client::Error as Sent;
        let (request, http) = (self.request(), self.transport.http());
        async move {
            let mut request = request.map_err(|reason| Sent::InvalidRequest(reason.to_owned()))?;
            session.prepare(&mut request);
            let sent = http.execute(request).await;
            sent.map(ResponseValue::stream).map_err(Sent::CommunicationError)
        }
    }

    fn request(&self) -> Result<reqwest::Request, &'static str> {
        let method = reqwest::Method::from_bytes(self.operation.method.as_bytes()).unwrap_or_default();
        let mut request = self.transport.http().request(method, &self.url);
        if !self.query.is_empty() {
            request = request.query(&self.query);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        if let (Some(documented), Some(body)) = (&self.operation.request, self.body) {
            request = match documented.media_type {
                "application/x-www-form-urlencoded" => {
                    let members = body.parse::<Json>().ok().and_then(|body| body.members());
                    let members = members.ok_or("the body is not a JSON object")?.into_iter();
                    let fields: Result<Vec<(String, Value)>, _> =
                        members.map(|(name, value)| Ok((name, value.decode()?))).collect();
                    let fields = fields.map_err(|_: serde_json::Error| "the body is not a JSON object")?;
                    let form: Result<_, progenitor_client::Error<()>> = request.form_urlencoded(&fields);
                    form.map_err(|_| "the body does not make a form")?
                }
                _ => request.body(body.to_owned()),
            };
        }
        request.build().map_err(|_| "the arguments do not form a valid request")
    }
}

/// Checks that no parameter is unknown, and that no required one is missing.
fn check<E>(operation: &'static Operation, given: &[(&str, &str)]) -> Result<(), Error<E>> {
    let fail = |reason| Err(Error::new(operation, ErrorKind::Request(reason)));
    if let Some((unknown, _)) = given.iter().find(|(name, _)| !operation.parameters().any(|it| is_same(it.name, name)))
    {
        let known: Vec<_> = operation.parameters().map(|parameter| parameter.name).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return fail(format!("there is no parameter `{unknown}`; the parameters are: {known}"));
    }
    let is_given = |parameter: &Parameter| given.iter().any(|(name, _)| is_same(name, parameter.name));
    match operation.parameters().find(|parameter| parameter.required && !is_given(parameter)) {
        Some(missing) => fail(format!("the parameter `{}` is required, and is not given", missing.name)),
        None => Ok(()),
    }
}

/// Whether these are the same name. The parameters of an operation do not differ by case alone.
fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
