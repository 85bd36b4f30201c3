//! Replaces a registration by a new one, and with it the secret, which the provider generates.

use std::collections::BTreeSet;

use serde_json::Value;

use super::any_client::AnyClient;
use super::any_error::AnyError;
use crate::Secret;
use crate::catalogue::{Operation, Provider, RegistrationCall, Role, SecretOrigin, Values};
use crate::json::error::without_mark;

/// A registration that is being replaced by a new one with the same URL and events.
///
/// Until [`AnyClient::finish_rotation`] deletes the old registration, the provider delivers every event for both of
/// them, each signed with its own secret.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rotation {
    /// The id of the old registration.
    pub old: String,
    /// The id of the new registration.
    pub new: String,
    /// The secret of the new registration. The provider returns it only once, so store it together with
    /// [`new`](Self::new) first of all. `None` if an earlier call registered the new one.
    pub secret: Option<Secret>,
}

/// The error of replacing a registration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// The provider does not document the operations.
    #[error("{provider} does not support it: {reason}")]
    Unsupported {
        /// The name of the provider.
        provider: &'static str,
        /// What is missing, and what to use instead.
        reason: &'static str,
    },
    /// The registrations could not be listed. Nothing was changed.
    #[error("the registrations could not be listed, so nothing was changed")]
    List(#[source] AnyError),
    /// There is no registration with this id. Nothing was changed. If it is the old one, it may have been deleted by a
    /// rotation that is finished.
    #[error("there is no registration `{0}`, and nothing was changed")]
    NotFound(String),
    /// The provider's list does not contain the URL or the events of this registration. Nothing was changed.
    #[error(
        "the provider's list does not contain the URL and the events of the registration `{0}`, so nothing was changed"
    )]
    Incomplete(String),
    /// Several other registrations have the same URL and events, so that it is not certain which one is the new one.
    /// Nothing was changed. Delete those that are not needed.
    #[error("the registrations {} have the same URL and events as well, so nothing was changed", .0.join(", "))]
    Ambiguous(Vec<String>),
    /// The two ids are not those of two registrations with the same URL and events. Nothing was changed.
    #[error("`{old}` and `{new}` are not two registrations with the same URL and events, so nothing was changed")]
    Mismatch {
        /// The id that was given for the old registration.
        old: String,
        /// The id that was given for the new registration.
        new: String,
    },
    /// The new registration failed. The old one is unchanged. If [`AnyError::may_have_been_executed`], the new one may
    /// exist as well: [`AnyClient::rotate`] then finds it. If the response is not as documented, [`AnyError::body`] may
    /// contain the secret.
    #[error("the new registration failed; the old one is unchanged")]
    Register(#[source] AnyError),
    /// The new registration exists, but no secret could be read from the response. The old one is unchanged. Call
    /// [`AnyClient::restart_rotation`].
    #[error("the new registration{} exists, but no secret could be read from the response; the old one is unchanged", .new.as_ref().map_or_else(String::new, |id| format!(" `{id}`")))]
    NoSecret {
        /// The id of the new registration, if the response contains it.
        new: Option<String>,
        /// The response, which may contain the secret in another place.
        response: Secret,
    },
    /// This registration could not be deleted. Both registrations may still exist. Call the same function again.
    #[error("the registration `{id}` could not be deleted, and may still exist")]
    Delete {
        /// The id of the registration.
        id: String,
        /// Why the operation failed.
        #[source]
        source: AnyError,
    },
}

impl AnyClient {
    /// Registers the URL and the events of a registration once more, to replace its secret.
    ///
    /// 1. Call this function, and store the new secret with the id of the new registration.
    /// 2. Make every receiver accept both secrets. Until then, a receiver refuses the deliveries for the new registration.
    /// 3. Call [`finish_rotation`](Self::finish_rotation), which deletes the old registration.
    ///
    /// The old registration is not changed, and receives every event until it is deleted. Every event is delivered for
    /// both registrations in the meantime, so a receiver has to drop duplicates.
    ///
    /// The steps can be repeated if they are interrupted. If another registration already has the same URL and events,
    /// it is the result, without a secret, and nothing is registered. Call `finish_rotation` if its secret was stored, or
    /// else [`restart_rotation`](Self::restart_rotation).
    ///
    /// # Errors
    ///
    /// Returns an error if the provider does not generate the secrets or does not document the operations, if there is no
    /// such registration, or if an operation fails. The variants of [`RotateError`] say which registrations exist then.
    pub async fn rotate(&self, old: &str) -> Result<Rotation, RotateError> {
        let steps = Steps::of(self)?;
        let listed = steps.list().await?;
        let replaced = listed.subscription(old)?;
        let twins = listed.twins(old, &replaced);
        match twins.as_slice() {
            [] => steps.register(old, listed.values(old)).await,
            [new] => Ok(Rotation { old: old.to_owned(), new: (*new).to_owned(), secret: None }),
            several => Err(RotateError::Ambiguous(several.iter().map(|id| (*id).to_owned()).collect())),
        }
    }

    /// Deletes the old registration, after [`rotate`](Self::rotate) has registered the new one. To give the id of the new
    /// registration confirms that its secret is stored, and that every receiver accepts it.
    ///
    /// Nothing is deleted unless the new registration exists with the same URL and events. If the old registration does
    /// not exist any more, the rotation is finished, and the call succeeds.
    ///
    /// # Errors
    ///
    /// Returns an error if the new registration does not exist, if it has another URL or other events, or if an operation
    /// fails. The old registration may still exist then; call this function again.
    pub async fn finish_rotation(&self, old: &str, new: &str) -> Result<(), RotateError> {
        let steps = Steps::of(self)?;
        let listed = steps.list().await?;
        if listed.has(old) || old == new {
            listed.check_twins(old, new)?;
            steps.delete(old).await
        } else {
            // With another registration of the same URL and events, `old` may not be the id that is meant.
            let kept = listed.subscription(new)?;
            match listed.twins(new, &kept).as_slice() {
                [] => Ok(()),
                others => Err(RotateError::Ambiguous(others.iter().map(|id| (*id).to_owned()).collect())),
            }
        }
    }

    /// Deletes the new registration because its secret was lost, and registers another one in its place.
    ///
    /// The old registration is not changed. If this call is interrupted, call [`rotate`](Self::rotate).
    ///
    /// # Errors
    ///
    /// Returns an error if one of the registrations does not exist, if they do not have the same URL and events, or if an
    /// operation fails. The variants of [`RotateError`] say which registrations exist then.
    pub async fn restart_rotation(&self, old: &str, new: &str) -> Result<Rotation, RotateError> {
        let steps = Steps::of(self)?;
        let listed = steps.list().await?;
        listed.check_twins(old, new)?;
        // The old registration receives the events while there is no new one.
        steps.delete(new).await?;
        steps.register(old, listed.values(old)).await
    }
}

/// The operations of a rotation.
struct Steps<'a> {
    client: &'a AnyClient,
    create: (&'static RegistrationCall, &'static Operation),
    list: (&'static RegistrationCall, &'static Operation),
    delete: (&'static RegistrationCall, &'static Operation),
}

impl<'a> Steps<'a> {
    fn of(client: &'a AnyClient) -> Result<Self, RotateError> {
        let provider = client.provider();
        let steps = |reason| RotateError::Unsupported { provider: provider.name, reason };
        provider.rotation_calls().map_err(steps).map(|[create, list, delete]| Self { client, create, list, delete })
    }

    async fn list(&self) -> Result<Listed, RotateError> {
        let (call, operation) = self.list;
        let answer = self.client.call(operation, &[], None).await.map_err(|error| RotateError::List(error.into()))?;
        Ok(Listed(call.read_response(&json(answer.body()))))
    }

    async fn register(&self, old: &str, values: Values) -> Result<Rotation, RotateError> {
        let (call, operation) = self.create;
        let body = call.body(&values).map(|body| body.to_string());
        let answer = self.client.call(operation, &[], body.as_deref()).await;
        let answer = answer.map_err(|error| RotateError::Register(error.into()))?;
        let mut answered = call.read_response(&json(answer.body())).pop().unwrap_or_default();
        let mut text = |role| match answered.remove(&role) {
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text),
            _ => None,
        };
        match (text(Role::Id), text(Role::Secret)) {
            (Some(new), Some(secret)) => Ok(Rotation { old: old.to_owned(), new, secret: Some(Secret::from(secret)) }),
            (new, _) => {
                let response = String::from_utf8_lossy(answer.body()).into_owned().into();
                Err(RotateError::NoSecret { new, response })
            }
        }
    }

    /// Deletes a registration. The call succeeds if the registration does not exist afterwards, even if the response was
    /// lost.
    async fn delete(&self, id: &str) -> Result<(), RotateError> {
        let (call, operation) = self.delete;
        let values = Values::from([(Role::Id, id.into())]);
        let parameters = call.parameters(&values);
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = call.body(&values).map(|body| body.to_string());
        let Err(error) = self.client.call(operation, &parameters, body.as_deref()).await else { return Ok(()) };
        match self.list().await {
            Ok(listed) if !listed.has(id) => Ok(()),
            _ => Err(RotateError::Delete { id: id.to_owned(), source: error.into() }),
        }
    }
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(without_mark(body)).unwrap_or_default()
}

/// The registrations in the provider's list.
struct Listed(Vec<Values>);

impl Listed {
    fn find(&self, id: &str) -> Option<&Values> {
        self.0.iter().find(|values| text(values, Role::Id) == Some(id))
    }

    fn has(&self, id: &str) -> bool {
        self.find(id).is_some()
    }

    fn values(&self, id: &str) -> Values {
        self.find(id).cloned().unwrap_or_default()
    }

    fn subscription(&self, id: &str) -> Result<Subscription<'_>, RotateError> {
        let values = self.find(id).ok_or_else(|| RotateError::NotFound(id.to_owned()))?;
        Subscription::of(values).ok_or_else(|| RotateError::Incomplete(id.to_owned()))
    }

    /// The other registrations with the same URL and events.
    fn twins(&self, id: &str, wanted: &Subscription<'_>) -> Vec<&str> {
        let is_twin = |values: &&Values| Subscription::of(values).as_ref() == Some(wanted);
        let ids = self.0.iter().filter(is_twin).filter_map(|values| text(values, Role::Id));
        ids.filter(|other| *other != id).collect()
    }

    fn check_twins(&self, old: &str, new: &str) -> Result<(), RotateError> {
        if old != new && self.subscription(old)? == self.subscription(new)? {
            return Ok(());
        }
        Err(RotateError::Mismatch { old: old.to_owned(), new: new.to_owned() })
    }
}

/// The URL of a registration, and its events in any order.
#[derive(PartialEq)]
struct Subscription<'a> {
    url: &'a str,
    events: BTreeSet<&'a str>,
}

impl<'a> Subscription<'a> {
    fn of(values: &'a Values) -> Option<Self> {
        let url = text(values, Role::Url)?;
        let events = match (text(values, Role::Event), values.get(&Role::Events)) {
            (Some(event), _) => BTreeSet::from([event]),
            (None, Some(events)) => events.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?,
            (None, None) => return None,
        };
        Some(Self { url, events })
    }
}

fn text(values: &Values, role: Role) -> Option<&str> {
    values.get(&role).and_then(Value::as_str)
}

impl Provider {
    /// The operations that create, list and delete a registration, or the reason why they are not sufficient to replace
    /// one.
    fn rotation_calls(&'static self) -> Result<[(&'static RegistrationCall, &'static Operation); 3], &'static str> {
        let registration = self.registration.as_ref().ok_or("it does not document operations on registrations")?;
        match registration.secret {
            SecretOrigin::Answered => {}
            SecretOrigin::Chosen => {
                return Err("the caller chooses the secret: make receivers accept both secrets, and then change the \
                    registration, or create another one");
            }
            SecretOrigin::Account => return Err("the secret belongs to the account, and no operation changes it"),
        }
        let calls = [Some(&registration.create), registration.list.as_ref(), registration.delete.as_ref()];
        let operations = calls.map(|call| call.and_then(|call| Some((call, self.operation(call.operation)?))));
        let [Some(create), Some(list), Some(delete)] = operations else {
            return Err("it does not document operations that list and delete registrations");
        };
        let has = |call: &RegistrationCall, role| call.answer.contains_key(&role);
        let is_sent = |role: &Role| create.0.request.contains_key(role);
        let is_listed = create.0.request.keys().all(|role| has(list.0, *role) || *role == Role::Active);
        let identifies = has(create.0, Role::Id) && has(list.0, Role::Id);
        let by_id = delete.0.parameters.contains_key(&Role::Id) || delete.0.request.contains_key(&Role::Id);
        let subscribes = is_sent(&Role::Url) && (is_sent(&Role::Events) || is_sent(&Role::Event));
        // A registration on a further page would not be found.
        let is_whole = list.0.page.is_none();
        if !(is_listed && is_whole && identifies && by_id && subscribes && has(create.0, Role::Secret)) {
            return Err("its registrations do not have an id, or its list does not contain their URLs and events");
        }
        let calls = [create, list, delete];
        if calls.iter().any(|(call, operation)| call.requires_others(self, operation)) {
            return Err(
                "its operations require values that its list does not contain: create a second registration, make \
                receivers accept both secrets, and then delete the old one",
            );
        }
        Ok(calls)
    }
}
