// SPDX-License-Identifier: Apache-2.0
//! A TAM configured for the numbers before draft -26, and one that meets an Agent of the other dialect.

use crate::world::{World, component, error, having, report, requesting, success};
use teep_proto::cose::{Algorithm, Signatures, sign1};
use teep_proto::teep::{Dialect, ErrCode, Message, QueryResponse};
use teep_tam::{Error, TamConfig};

const SUITES: [Algorithm; 2] = [Algorithm::Esp256, Algorithm::Ed25519];

fn world(dialect: Dialect, agent: Algorithm) -> World {
    let mut config = TamConfig::generate().unwrap();
    config.dialect = dialect;
    World::with(config, agent)
}

/// Dialect of a message of the TAM, from nothing but its bytes.
fn spoken(world: &World, bytes: &[u8]) -> Option<Dialect> {
    Dialect::detect(Signatures::decode(bytes).unwrap().verify(&world.tam_keys).unwrap().get())
}

#[test]
fn a_tam_speaks_the_final_numbers_unless_told_otherwise() {
    let world = World::new();
    assert_eq!(spoken(&world, &world.tam.process_connect().unwrap()), Some(Dialect::Final));
}

#[test]
fn whole_conversation_before_26() {
    for suite in SUITES {
        let world = world(Dialect::Pre26, suite);
        assert_eq!(spoken(&world, &world.tam.process_connect().unwrap()), Some(Dialect::Pre26));
        let update = world.send(&requesting(&world.query(), &component()));
        let bytes = update.answer.as_ref().unwrap().as_ref().unwrap();
        assert_eq!(spoken(&world, bytes), Some(Dialect::Pre26));
        let token = update.update(&world, |update| {
            assert_eq!(update.manifest_list, [world.offer(1).envelope]);
            update.token.unwrap().to_vec()
        });
        let report = report(Some(&token));
        assert!(world.send(&success(Some(&token), &[&report])).is_settled());
        assert!(world.send(&success(Some(&token), &[&report])).is_dropped(), "counts once");
        assert!(world.send(&having(&world.query(), &component(), 1)).is_settled(), "nothing to do");
    }
}

#[test]
fn a_refusal_before_26() {
    let world = world(Dialect::Pre26, Algorithm::Esp256);
    let token = world.update();
    let message = error(Some(&token), ErrCode::MANIFEST_PROCESSING_FAILED);
    assert_eq!(message.encode_in(Dialect::Pre26).unwrap().last(), Some(&17), "the code of old");
    let failed = world.send(&message);
    assert!(failed.is_settled());
    assert!(failed.events[0].contains("ERR_MANIFEST_PROCESSING_FAILED (11)"), "{:?}", failed.events);
}

#[test]
fn an_error_of_the_tam_before_26() {
    let world = world(Dialect::Pre26, Algorithm::Esp256);
    let token = world.query();
    let incomplete = QueryResponse { token: Some(&token), ..QueryResponse::default() };
    let token = world.send(&Message::QueryResponse(incomplete)).update(&world, |update| {
        assert_eq!(update.err_code, Some(ErrCode::PERMANENT_ERROR));
        assert!(update.err_msg.unwrap().contains("tc-list"));
        update.token.unwrap().to_vec()
    });
    assert!(world.send(&success(Some(&token), &[])).is_settled());
}

/// No message of the other dialect counts, burns a token or is read in part; the log names the Agent and the cause.
#[test]
fn an_agent_of_the_other_dialect_is_refused_and_the_log_says_why() {
    for dialect in Dialect::ALL {
        let world = world(dialect, Algorithm::Esp256);
        let other = if dialect == Dialect::Final { Dialect::Pre26 } else { Dialect::Final };
        let (query, update, component) = (world.query(), world.update(), component());
        for message in [
            requesting(&query, &component),
            having(&query, &component, 9),
            success(Some(&update), &[]),
            error(Some(&update), ErrCode::MANIFEST_PROCESSING_FAILED),
            error(None, ErrCode::PERMANENT_ERROR),
        ] {
            let refused = world.send_bytes(&sign1(&world.agent, &message.encode_in(other).unwrap()).unwrap());
            assert!(matches!(refused.answer, Err(Error::Malformed(_))), "{dialect} {}", message.name());
            let [line] = refused.events.as_slice() else { panic!("{:?}", refused.events) };
            let agent = world.agent.public_key().thumbprint().to_string();
            assert!(line.contains(&format!("from agent {}: ", &agent[..16])), "{line}");
            assert!(line.contains("give both sides one dialect"), "{line}");
        }
        assert!(world.send(&requesting(&query, &component)).answer.unwrap().is_some());
        assert!(world.send(&success(Some(&update), &[])).is_settled());
    }
}
