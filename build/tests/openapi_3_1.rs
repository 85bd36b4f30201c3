//! A document of OpenAPI 3.1 that says what 3.0 can say means the same, and the lint reports the rest.

use pos_webhooks_build::{describe, lint};

const OLD: &str = r#"
openapi: 3.0.3
info: {title: Shop, version: "1", description: A shop.}
servers: [{url: "https://shop.test", description: Production.}]
x-event-name: {in: body}
x-signature: {none: Nothing is signed.}
paths: {}
x-webhooks:
  paid:
    post:
      summary: A payment was made.
      x-event-when: {/name: paid}
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Payment'}
            examples: {one: {value: {name: paid, const: 1, type: [a, 'null'], total: 5}}}
      responses: {'200': {description: Received.}}
components:
  schemas:
    Payment:
      type: object
      description: A payment.
      required: [name]
      properties:
        name: {enum: [paid], description: What happened., type: string}
        total: {type: integer, description: 'Paid, in cents.', minimum: 0, exclusiveMinimum: true}
        note: {type: string, description: A note., nullable: true}
        kind: {type: string, enum: [cash, card, null], description: The means., nullable: true}
        shop: {allOf: [{$ref: '#/components/schemas/Shop'}], description: The shop of the payment.}
        type: {type: array, description: Texts., items: {type: string, nullable: true}}
        const: {type: integer, description: A member with the name of a keyword.}
    Shop:
      type: object
      description: A shop.
      properties: {id: {type: string, description: Identifies it.}}
"#;

const NEW: &str = r#"
openapi: 3.1.0
info: {title: Shop, version: "1", description: A shop.}
servers: [{url: "https://shop.test", description: Production.}]
x-event-name: {in: body}
x-signature: {none: Nothing is signed.}
paths: {}
webhooks:
  paid:
    post:
      summary: A payment was made.
      x-event-when: {/name: paid}
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Payment'}
            examples: {one: {value: {name: paid, const: 1, type: [a, 'null'], total: 5}}}
      responses: {'200': {description: Received.}}
components:
  schemas:
    Payment:
      type: object
      description: A payment.
      required: [name]
      properties:
        name: {const: paid, description: What happened.}
        total: {type: integer, description: 'Paid, in cents.', exclusiveMinimum: 0}
        note: {type: [string, 'null'], description: A note.}
        kind: {type: ['null', string], enum: [cash, card, null], description: The means.}
        shop: {$ref: '#/components/schemas/Shop', description: The shop of the payment.}
        type: {type: array, description: Texts., items: {type: [string, 'null']}}
        const: {type: integer, description: A member with the name of a keyword.}
    Shop:
      type: object
      description: A shop.
      properties: {id: {type: string, description: Identifies it.}}
"#;

#[test]
fn both_versions_have_the_same_description() {
    let [old, new] = [OLD, NEW].map(|text| describe("shop", "shop.yaml", text).unwrap_or_else(|all| panic!("{all:?}")));
    assert_eq!(old, new);
}

#[test]
fn what_only_the_newer_version_can_say_has_a_finding() {
    for (from, to, finding) in [
        (
            "type: [string, 'null'], description: A note.",
            "type: [string, integer], description: A note.",
            "the type is not supported",
        ),
        ("exclusiveMinimum: 0", "examples: [5]", "`examples` is not supported in a schema"),
        ("const: paid, description", "const: 5, description", "`enum` without `type` is not supported"),
        (
            "type: array, description: Texts.",
            "type: array, description: Texts., prefixItems: []",
            "`prefixItems` is not supported",
        ),
        ("openapi: 3.1.0", "openapi: 3.2.0", "this is neither version 3.0.x nor version 3.1.x of OpenAPI"),
        (
            "paths: {}",
            "paths: {}\njsonSchemaDialect: https://json-schema.org/draft/2020-12/schema",
            "`jsonSchemaDialect` is not supported",
        ),
        (
            "{$ref: '#/components/schemas/Shop', description",
            "{$ref: '#/components/schemas/Shop', minProperties: 1, description",
            "`minProperties` beside `$ref` has no effect",
        ),
    ] {
        assert!(NEW.contains(from), "{from}");
        let found = lint("shop.yaml", &NEW.replace(from, to));
        assert!(found.iter().any(|found| found.message.contains(finding)), "{to}: {found:?}");
    }
}

#[test]
fn a_document_of_the_older_version_is_not_rewritten() {
    let text = OLD.replace("nullable: true}\n        kind", "nullable: true, const: a}\n        kind");
    let found = lint("shop.yaml", &text);
    assert!(found.iter().any(|found| found.message.contains("`const` is not supported")), "{found:?}");
}
