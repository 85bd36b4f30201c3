//! The calls of each provider's client, in one shape.

use std::error::Error;

use pos_webhooks::Secret;
use pos_webhooks::catalogue::Provider;

/// A webhook as it is registered.
#[derive(Clone)]
pub struct Webhook {
    /// Its id; the URL where the provider knows no id.
    pub id: String,
    pub url: String,
    pub events: Vec<&'static str>,
    pub secret: Secret,
}

/// Why a step was not done.
#[derive(Debug)]
pub enum Miss {
    /// The provider documents no such call.
    Undocumented,
    Failed(String),
}

impl Miss {
    pub fn of(error: &dyn Error) -> Self {
        let (mut text, mut cause) = (error.to_string(), error.source());
        while let Some(error) = cause {
            text += &format!(": {error}");
            cause = error.source();
        }
        Self::Failed(text)
    }
}

impl<E: Error> From<E> for Miss {
    fn from(error: E) -> Self {
        Self::of(&error)
    }
}

/// What depends on a provider's operations.
pub trait Calls {
    fn provider(&self) -> &'static Provider;

    /// Registers webhooks at or below a URL, so that every event goes to one of them.
    async fn register(&self, url: &str) -> Result<Vec<Webhook>, Miss>;

    /// The URLs that are registered.
    async fn list(&self) -> Result<Vec<String>, Miss> {
        Err(Miss::Undocumented)
    }

    /// Moves a webhook to another URL.
    async fn update(&self, _: &Webhook, _url: &str) -> Result<Webhook, Miss> {
        Err(Miss::Undocumented)
    }

    async fn delete(&self, _: &Webhook) -> Result<(), Miss> {
        Err(Miss::Undocumented)
    }
}

pub struct Mipos {
    pub client: pos_webhooks::mipos::Client,
    /// Of all webhooks; no call tells it.
    pub secret: Secret,
}

impl Calls for Mipos {
    fn provider(&self) -> &'static Provider {
        &pos_webhooks::mipos::PROVIDER
    }

    async fn register(&self, url: &str) -> Result<Vec<Webhook>, Miss> {
        let mut webhooks = Vec::new();
        for event in self.provider().events {
            let url = format!("{url}/{}", event.name);
            let type_ = Some(event.name.into());
            self.client.create_webhook(&pos_webhooks::mipos::models::CreateWebhook { url: url.clone(), type_ }).await?;
            webhooks.push(Webhook { id: url.clone(), url, events: vec![event.name], secret: self.secret.clone() });
        }
        Ok(webhooks)
    }

    async fn list(&self) -> Result<Vec<String>, Miss> {
        Ok(self.client.list_webhooks().await?.into_iter().map(|webhook| webhook.url).collect())
    }

    async fn update(&self, webhook: &Webhook, url: &str) -> Result<Webhook, Miss> {
        let (current_url, new_url) = (webhook.url.clone(), url.to_owned());
        self.client.update_webhook(&pos_webhooks::mipos::models::UpdateWebhook { current_url, new_url }).await?;
        Ok(Webhook { id: url.to_owned(), url: url.to_owned(), ..webhook.clone() })
    }

    async fn delete(&self, webhook: &Webhook) -> Result<(), Miss> {
        let url = webhook.url.clone();
        self.client.delete_webhook(&pos_webhooks::mipos::models::DeleteWebhook { url }).await?;
        Ok(())
    }
}

pub struct Mypos {
    pub client: pos_webhooks::mypos::Client,
    /// Chosen by whoever registers.
    pub secret: Secret,
}

impl Calls for Mypos {
    fn provider(&self) -> &'static Provider {
        &pos_webhooks::mypos::PROVIDER
    }

    async fn register(&self, url: &str) -> Result<Vec<Webhook>, Miss> {
        let new =
            pos_webhooks::mypos::models::CreateWebhook { payload_url: url.to_owned(), secret: self.secret.clone() };
        let id = self.client.create_webhook(&new).await?.webhook.id;
        let subscribed = self.client.get_webhook(&id).await?.webhook.events;
        let events = self.provider().events.iter().map(|event| event.name);
        let events = events.filter(|name| subscribed.iter().any(|event| event.name == *name)).collect();
        Ok(vec![Webhook { id, url: url.to_owned(), events, secret: self.secret.clone() }])
    }

    async fn list(&self) -> Result<Vec<String>, Miss> {
        let list = self.client.list_webhooks().await?;
        Ok(list.webhooks.into_iter().filter_map(|webhook| webhook.payload_url).collect())
    }

    async fn update(&self, webhook: &Webhook, url: &str) -> Result<Webhook, Miss> {
        let change = pos_webhooks::mypos::models::UpdateWebhook {
            is_active: None,
            payload_url: Some(url.to_owned()),
            secret: None,
        };
        self.client.update_webhook(&webhook.id, &change).await?;
        Ok(Webhook { url: url.to_owned(), ..webhook.clone() })
    }

    async fn delete(&self, webhook: &Webhook) -> Result<(), Miss> {
        Ok(self.client.delete_webhook(&webhook.id).await?)
    }
}

/// Registered in the sandbox's back office.
pub struct Dealpos<'a>(pub &'a pos_webhooks::sandbox::Sandbox);

impl Calls for Dealpos<'_> {
    fn provider(&self) -> &'static Provider {
        &pos_webhooks::dealpos::PROVIDER
    }

    async fn register(&self, url: &str) -> Result<Vec<Webhook>, Miss> {
        let registration = self.0.register(self.provider().name, url, &[])?;
        let events = self.provider().events.iter().map(|event| event.name).collect();
        Ok(vec![Webhook { id: registration.id, url: registration.url, events, secret: registration.secret }])
    }
}

pub struct Vipps(pub pos_webhooks::vipps::Client);

impl Calls for Vipps {
    fn provider(&self) -> &'static Provider {
        &pos_webhooks::vipps::PROVIDER
    }

    async fn register(&self, url: &str) -> Result<Vec<Webhook>, Miss> {
        let events: Vec<_> = self.provider().events.iter().map(|event| event.name).collect();
        let new = pos_webhooks::vipps::models::RegisterWebhook {
            url: url.to_owned(),
            events: events.iter().map(|name| (*name).to_owned()).collect(),
        };
        let registered = self.0.register_webhook(&new).await?;
        Ok(vec![Webhook { id: registered.id, url: url.to_owned(), events, secret: registered.secret }])
    }

    async fn list(&self) -> Result<Vec<String>, Miss> {
        let list = self.0.list_webhooks().await?;
        Ok(list.webhooks.into_iter().filter_map(|webhook| webhook.url).collect())
    }

    async fn delete(&self, webhook: &Webhook) -> Result<(), Miss> {
        Ok(self.0.delete_webhook(&webhook.id).await?)
    }
}
