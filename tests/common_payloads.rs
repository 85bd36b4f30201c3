//! The payload that several events have in common is accessible without a match on the event.

#![cfg(feature = "vipps")]

use pos_webhooks::vipps::{Event, EventName};

#[test]
fn each_payload_is_that_of_its_events_only() {
    for name in EventName::ALL {
        let event = name.example().unwrap();
        let expected = [
            (event.as_payment_event().is_some(), name.as_str().starts_with("epayments.")),
            (event.as_agreement_event().is_some(), name.as_str().starts_with("recurring.agreement-")),
            (
                event.as_charge_event().is_some(),
                matches!(event, Event::RecurringChargeCreationFailedV1(_))
                    != name.as_str().starts_with("recurring.charge-"),
            ),
            (event.as_donation_notification().is_some(), name.as_str().starts_with("donations.")),
        ];
        for (index, (found, expected)) in expected.into_iter().enumerate() {
            assert_eq!(found, expected, "{name} {index}");
        }
    }
    let unknown = Event::decode(&"epayments.payment.new.v1".into(), b"{}").unwrap();
    assert!(unknown.as_payment_event().is_none());
}

#[test]
fn a_payload_can_be_changed() {
    let mut event = EventName::EpaymentsPaymentRefundedV1.example().unwrap();
    let before = event.as_payment_event().unwrap().clone();
    event.as_payment_event_mut().unwrap().amount.value += 1;
    let Event::EpaymentsPaymentRefundedV1(payment) = &event else { panic!("{event:?}") };
    assert_eq!(payment.amount.value, before.amount.value + 1);
    assert_eq!(event.name(), EventName::EpaymentsPaymentRefundedV1);
}
