//! The sandbox gives access tokens, and takes them until they expire, as the specifications say.

#![cfg(all(feature = "sandbox", feature = "mipos", feature = "mypos", feature = "vipps"))]

mod clock;

use std::sync::LazyLock;
use std::time::Duration;

use clock::pass;
use pos_webhooks::catalogue::{Provider, Role, TokenGrant};
use pos_webhooks::client::{AnyClient, ErrorKind, Options, Token, TokenError, http_client};
use pos_webhooks::sandbox::{Account, Sandbox};
use pos_webhooks::{PROVIDERS, Secret, mipos, mypos, vipps};
use reqwest::StatusCode;
use serde_json::{Value, json};

fn http() -> reqwest::Client {
    http_client().unwrap().build().unwrap()
}

static ACME: LazyLock<&'static Provider> = LazyLock::new(|| {
    let text = include_str!("sandbox/acme.yaml");
    let generated = pos_webhooks_build::generate("acme", "tests/sandbox/acme.yaml", text);
    let generated = generated.unwrap_or_else(|findings| panic!("{}", findings.join("\n")));
    Provider::read(&generated.description).unwrap()
});

/// Every way in which a client of a provider can request a token, also of a provider that does not exist.
fn grants() -> Vec<(&'static Provider, &'static TokenGrant)> {
    let providers = PROVIDERS.iter().copied().chain([*ACME]);
    let all: Vec<_> =
        providers.flat_map(|provider| provider.grants().iter().map(move |grant| (provider, grant))).collect();
    assert!(all.len() >= 5 && all.iter().any(|(_, grant)| grant.name.is_some()));
    all
}

type Granted = (&'static Provider, &'static TokenGrant);

fn first(provider: &'static Provider) -> Granted {
    (provider, &provider.grants()[0])
}

async fn start(lifetime: u64) -> Sandbox {
    Sandbox::builder().provider(*ACME).token_lifetime(Duration::from_secs(lifetime)).start().await.unwrap()
}

/// A client that fetches its tokens, with other values in place of some credentials.
fn client(account: &Account, (provider, grant): Granted, other: &[(&str, &str)]) -> AnyClient {
    let value = |name: &str| match other.iter().find(|(known, _)| *known == name) {
        Some((_, other)) => Secret::from(*other),
        None => account.credentials[name].clone(),
    };
    let credentials = grant.credentials.iter().map(|it| (it.name, value(it.name)));
    let token = match grant.name {
        Some(name) => Token::from_client_with_grant(name, credentials),
        None => Token::from_client(credentials),
    };
    let headers = provider.constant_headers().into_iter();
    let headers =
        headers.filter_map(|header| Some((header.name, account.credentials.get(&header.credential_name())?.clone())));
    AnyClient::new(provider, &account.base_url, token, headers, Options::default()).unwrap()
}

/// Lists what is registered.
async fn list(client: &AnyClient, provider: &'static Provider) -> Result<(), ErrorKind<()>> {
    let list = provider.registration.as_ref().unwrap().list.as_ref().unwrap();
    assert!(list.answer.contains_key(&Role::Url) || list.answer.contains_key(&Role::Id));
    match client.call(provider.operation(list.operation).unwrap(), &[], None).await {
        Ok(_) => Ok(()),
        Err(error) => match error.into_kind() {
            ErrorKind::Token(error) => Err(ErrorKind::Token(error)),
            other => panic!("{other:?}"),
        },
    }
}

/// The status of a list with this token.
async fn status_with(account: &Account, provider: &'static Provider, token: &str) -> StatusCode {
    use pos_webhooks::catalogue::CredentialPlace;
    let list = provider.registration.as_ref().unwrap().list.as_ref().unwrap();
    let operation = provider.operation(list.operation).unwrap();
    let mut request = http().get(format!("{}{}", account.base_url, operation.path));
    for header in operation.headers.iter().filter(|it| it.constant) {
        if let Some(value) = account.credentials.get(&header.credential_name()) {
            request = request.header(header.name, value.expose());
        }
    }
    request = match provider.credential.as_ref().unwrap().place {
        CredentialPlace::Header(name) => request.header(name, token),
        _ => request.bearer_auth(token),
    };
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn a_client_with_the_credentials_of_the_account_fetches_its_tokens() {
    let sandbox = start(3600).await;
    for (provider, grant) in grants() {
        let account = sandbox.account(provider.name).unwrap();
        let client = client(account, (provider, grant), &[]);
        list(&client, provider).await.unwrap();
        let token = client.access_token().await.unwrap();
        assert_ne!(token.token.expose(), account.credentials["token"].expose(), "{}", provider.name);
        let left = token.expires_in.unwrap();
        // A point in time is compared with the date of the answer, which has whole seconds.
        assert!(left > Duration::from_secs(3550) && left < Duration::from_secs(3601), "{}: {left:?}", provider.name);
    }
}

#[tokio::test]
async fn a_token_is_taken_until_it_expires_and_that_of_the_account_always() {
    let sandbox = start(1000).await;
    for (provider, grant) in grants() {
        let account = sandbox.account(provider.name).unwrap();
        let token = client(account, (provider, grant), &[]).access_token().await.unwrap().token;
        assert_eq!(status_with(account, provider, token.expose()).await, 200, "{}", provider.name);
        pass(990).await;
        assert_eq!(status_with(account, provider, token.expose()).await, 200, "{}", provider.name);
        pass(11).await;
        assert_eq!(status_with(account, provider, token.expose()).await, 401, "{}", provider.name);
        assert_eq!(status_with(account, provider, "another").await, 401);
        assert_eq!(status_with(account, provider, account.credentials["token"].expose()).await, 200);
    }
}

#[tokio::test]
async fn a_client_does_not_notice_that_tokens_expire() {
    let sandbox = start(1000).await;
    for (provider, grant) in grants() {
        let client = client(sandbox.account(provider.name).unwrap(), (provider, grant), &[]);
        let mut tokens = Vec::new();
        for wait in [0, 945, 30, 2000, 10] {
            pass(wait).await;
            list(&client, provider).await.unwrap();
            tokens.push(client.access_token().await.unwrap().token.expose().to_owned());
        }
        assert_ne!(tokens[0], tokens[1], "{}: it is renewed before it expires", provider.name);
        assert_eq!(tokens[1], tokens[2]);
        assert_ne!(tokens[2], tokens[3]);
        assert_eq!(tokens[3], tokens[4]);
    }
}

#[tokio::test]
async fn unknown_credentials_get_no_token() {
    let sandbox = start(3600).await;
    for (provider, grant) in grants() {
        for credential in grant.credentials {
            let account = sandbox.account(provider.name).unwrap();
            let client = client(account, (provider, grant), &[(credential.name, "another")]);
            let Err(ErrorKind::Token(error)) = list(&client, provider).await else { panic!("{}", provider.name) };
            let Some(TokenError::Call(error)) = error.downcast_ref() else { panic!("{error}") };
            let status = error.status().unwrap().as_u16();
            assert!([401, 409].contains(&status), "{} {}: {error}", provider.name, credential.name);
        }
    }
}

#[tokio::test]
async fn a_renewed_token_is_taken_no_more() {
    let sandbox = start(3600).await;
    let credentials = sandbox.account("mipos").unwrap().credentials.clone();
    let value = |name: &str| credentials[name].expose().to_owned();
    let client: mipos::Client = sandbox.client().unwrap();
    let request = mipos::models::TokenRequest {
        client_id: value("client_id"),
        client_secret: value("client_secret").into(),
        grant_type: "client_credentials".into(),
        email: value("email"),
        password: value("password").into(),
    };
    let first = client.request_token(&request).await.unwrap().data.token;
    let renewal = mipos::models::TokenRefresh {
        client_id: value("client_id"),
        client_secret: value("client_secret").into(),
        grant_type: None,
        refresh_token: first.clone(),
    };
    let second = client.refresh_token(&renewal).await.unwrap().data.token;
    let account = sandbox.account("mipos").unwrap();
    assert_eq!(status_with(account, &mipos::PROVIDER, first.expose()).await, 401);
    assert_eq!(status_with(account, &mipos::PROVIDER, second.expose()).await, 200);
    let error = client.refresh_token(&renewal).await.unwrap_err();
    let Some(mipos::RefreshTokenError::Conflict(conflict)) = error.documented() else { panic!("{error}") };
    assert_eq!(conflict.message, ["Client secret not found with this user."]);
}

#[tokio::test]
async fn a_revoked_token_is_taken_no_more() {
    let sandbox = start(3600).await;
    let account = sandbox.account("mypos").unwrap();
    let value = |name: &str| account.credentials[name].expose();
    let token = client(account, first(&mypos::PROVIDER), &[]).access_token().await.unwrap().token;
    assert_eq!(status_with(account, &mypos::PROVIDER, token.expose()).await, 200);
    let revocation = mypos::models::TokenRevocation { token: token.clone() };
    let client: mypos::Client = sandbox.client().unwrap();
    client.revoke_token(value("client_id"), value("client_secret"), &revocation).await.unwrap();
    assert_eq!(status_with(account, &mypos::PROVIDER, token.expose()).await, 401);
}

/// What a program in another language does: the documented path at the sandbox's root, and no client of this crate.
#[tokio::test]
async fn a_program_in_which_only_the_host_can_be_set_gets_a_token() {
    let sandbox = start(3600).await;
    let value = |provider: &str, name: &str| sandbox.account(provider).unwrap().credentials[name].expose().to_owned();
    let http = http();

    let call = http.post(format!("{}/accesstoken/get", sandbox.url()));
    let call = call.header("client_id", value("vipps", "client_id"));
    let call = call.header("client_secret", value("vipps", "client_secret"));
    let answer: Value = serde_json::from_str(&call.send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(answer["expires_in"], "3600", "text, as in the documented example");
    let expires_on: i64 = answer["expires_on"].as_str().unwrap().parse().unwrap();
    let now = jiff::Timestamp::now().as_second();
    assert!((now + 3500..=now + 3601).contains(&expires_on), "{expires_on}");
    let list = http.get(format!("{}/webhooks/v1/webhooks", sandbox.url()));
    let list = list.bearer_auth(answer["access_token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(list.status(), 200);

    let call = http.post(format!("{}/oauth/token", sandbox.url()));
    let call = call.basic_auth(value("mypos", "client_id"), Some(value("mypos", "client_secret")));
    let call = call.header("content-type", "application/x-www-form-urlencoded").body("grant_type=client_credentials");
    let answer: Value = serde_json::from_str(&call.send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(answer["expires_in"], json!(3600), "a number, as in the example");
    let list = http.get(format!("{}/v1/webhooks", sandbox.url()));
    let list = list.bearer_auth(answer["access_token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(list.status(), 200);
}

#[tokio::test]
async fn user_and_password_have_to_be_those_of_the_account() {
    let sandbox = start(3600).await;
    let account = sandbox.account("mypos").unwrap();
    let value = |name: &str| account.credentials[name].expose();
    let client: mypos::Client = sandbox.client().unwrap();
    let request = mypos::models::TokenRequest { grant_type: "client_credentials".into(), scope: None };
    client.request_token(value("client_id"), value("client_secret"), &request).await.unwrap();
    for (user, password) in
        [("x", value("client_secret")), (value("client_id"), "x"), (value("client_secret"), value("client_id"))]
    {
        let error = client.request_token(user, password, &request).await.unwrap_err();
        assert_eq!(error.status().unwrap(), 401, "{error}");
    }
    // The token of the account proves nothing here.
    let call = http().post(format!("{}/oauth/token", account.base_url));
    let call = call.header("content-type", "application/x-www-form-urlencoded").bearer_auth(value("token"));
    assert_eq!(call.body("grant_type=client_credentials").send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_tokens() {
    async fn token(seed: u64) -> (String, String) {
        let sandbox = Sandbox::builder().seed(seed).start().await.unwrap();
        let account = sandbox.account("vipps").unwrap();
        let token = client(account, first(&vipps::PROVIDER), &[]).access_token().await.unwrap().token;
        (account.credentials["client_secret"].expose().to_owned(), token.expose().to_owned())
    }
    assert_eq!(token(1).await, token(1).await);
    assert_ne!(token(1).await, token(2).await);
}
