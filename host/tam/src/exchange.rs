// SPDX-License-Identifier: Apache-2.0
//! Requests the TAM waits for an answer to, by token.
//!
//! A token of a QueryRequest is nobody's until the first answer with a valid signature burns it; one of an
//! Update belongs to the Agent it was made for. So a flood of anonymous connections can push out other
//! anonymous requests, but no Update an Agent is working on.

use crate::TamConfig;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};
use teep_proto::cose::Thumbprint;

/// A token as the TAM makes them: random, so that no two are alike (REQ-TEEP-046).
pub(crate) type Token = [u8; 16];

/// Why a token or a challenge does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Never given out for this, used before, or forgotten.
    Unknown,
    /// Answered too late (REQ-TEEP-051).
    Expired,
}

impl Refusal {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => {
                "its token is none this Agent may answer with now (used, forgotten or another's)"
            }
            Self::Expired => "its token has expired",
        }
    }

    /// The same, of a challenge.
    pub(crate) fn of_a_challenge(self) -> &'static str {
        match self {
            Self::Unknown => "the nonce of its Evidence is none that was sent, or was answered already",
            Self::Expired => "the nonce of its Evidence has expired",
        }
    }
}

/// All outstanding requests.
#[derive(Debug)]
pub(crate) struct Outstanding {
    lifetime: Duration,
    queries: Pool,
    challenges: Pool,
    max_updates: usize,
    updates: HashMap<Thumbprint, Pool>,
}

impl Outstanding {
    pub(crate) fn new(config: &TamConfig) -> Self {
        Self {
            lifetime: config.token_lifetime,
            queries: Pool::new(config.max_queries),
            challenges: Pool::new(config.max_queries),
            max_updates: config.max_updates_per_agent,
            updates: HashMap::new(),
        }
    }

    /// Remembers the token of a QueryRequest.
    pub(crate) fn asked(&mut self, token: Token) {
        self.queries.insert(token, self.lifetime);
    }

    /// Remembers the challenge of a QueryRequest that asks for attestation and so has no token (AMB-17).
    pub(crate) fn challenged(&mut self, challenge: Token) {
        self.challenges.insert(challenge, self.lifetime);
    }

    /// Remembers the token of an Update for `agent`.
    pub(crate) fn ordered(&mut self, agent: Thumbprint, token: Token) {
        let pool = self.updates.entry(agent).or_insert_with(|| Pool::new(self.max_updates));
        pool.insert(token, self.lifetime);
    }

    /// Burns the token of a QueryRequest (REQ-TEEP-101), and returns it.
    pub(crate) fn settle_query(&mut self, token: &[u8]) -> Result<Token, Refusal> {
        self.queries.take(token, self.lifetime)
    }

    /// Burns the challenge of a QueryRequest, and returns it.
    pub(crate) fn settle_challenge(&mut self, nonce: &[u8]) -> Result<Token, Refusal> {
        self.challenges.take(nonce, self.lifetime)
    }

    /// Burns the token of an Update for `agent`.
    pub(crate) fn settle_update(&mut self, agent: Thumbprint, token: &[u8]) -> Result<(), Refusal> {
        let Some(pool) = self.updates.get_mut(&agent) else { return Err(Refusal::Unknown) };
        let result = pool.take(token, self.lifetime).map(drop);
        if pool.tokens.is_empty() {
            self.updates.remove(&agent);
        }
        result
    }
}

/// A bounded number of tokens, which leave in the order they came.
#[derive(Debug)]
struct Pool {
    limit: usize,
    tokens: HashMap<Token, (u64, Instant)>,
    order: BTreeMap<u64, Token>,
    next: u64,
}

impl Pool {
    fn new(limit: usize) -> Self {
        Self { limit, tokens: HashMap::new(), order: BTreeMap::new(), next: 0 }
    }

    fn insert(&mut self, token: Token, lifetime: Duration) {
        while self.tokens.len() >= self.limit || self.oldest_is_older_than(lifetime) {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.tokens.remove(&oldest);
        }
        self.tokens.insert(token, (self.next, Instant::now()));
        self.order.insert(self.next, token);
        self.next = self.next.wrapping_add(1);
    }

    fn oldest_is_older_than(&self, lifetime: Duration) -> bool {
        let oldest = self.order.first_key_value().and_then(|(_, token)| self.tokens.get(token));
        oldest.is_some_and(|(_, since)| since.elapsed() >= lifetime)
    }

    fn take(&mut self, token: &[u8], lifetime: Duration) -> Result<Token, Refusal> {
        let token: &Token = token.try_into().map_err(|_| Refusal::Unknown)?;
        let (serial, since) = self.tokens.remove(token).ok_or(Refusal::Unknown)?;
        self.order.remove(&serial);
        if since.elapsed() < lifetime { Ok(*token) } else { Err(Refusal::Expired) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const AGENT: Thumbprint = Thumbprint([1; 32]);

    fn outstanding() -> Outstanding {
        let config = TamConfig { max_queries: 3, max_updates_per_agent: 2, ..TamConfig::generate().unwrap() };
        Outstanding::new(&config)
    }

    #[test]
    fn req_teep_103_the_oldest_are_forgotten_beyond_the_limit() {
        let mut pool = Pool::new(3);
        (0..10).for_each(|n| pool.insert([n; 16], HOUR));
        assert_eq!((pool.tokens.len(), pool.order.len()), (3, 3));
        assert_eq!(pool.take(&[6; 16], HOUR), Err(Refusal::Unknown));
        assert_eq!(pool.take(&[7; 16], HOUR), Ok([7; 16]));
        assert_eq!((pool.tokens.len(), pool.order.len()), (2, 2));
        pool.insert([10; 16], HOUR);
        assert_eq!(pool.take(&[8; 16], HOUR), Ok([8; 16]), "there was room");
    }

    #[test]
    fn req_teep_103_what_has_expired_makes_room() {
        let mut pool = Pool::new(100);
        (0..10).for_each(|n| pool.insert([n; 16], Duration::ZERO));
        assert_eq!(pool.tokens.len(), 1);
    }

    #[test]
    fn req_teep_103_anonymous_requests_do_not_push_out_updates() {
        let mut outstanding = outstanding();
        outstanding.ordered(AGENT, [0; 16]);
        (1..100).for_each(|n| outstanding.asked([n; 16]));
        assert_eq!(outstanding.settle_update(AGENT, &[0; 16]), Ok(()));
        assert!(outstanding.updates.is_empty());
    }

    #[test]
    fn an_update_is_its_agents_and_no_query() {
        let mut outstanding = outstanding();
        outstanding.ordered(AGENT, [0; 16]);
        assert_eq!(outstanding.settle_update(Thumbprint([2; 32]), &[0; 16]), Err(Refusal::Unknown));
        assert_eq!(outstanding.settle_query(&[0; 16]), Err(Refusal::Unknown));
        assert_eq!(outstanding.settle_challenge(&[0; 16]), Err(Refusal::Unknown));
        assert_eq!(outstanding.settle_update(AGENT, &[0; 15]), Err(Refusal::Unknown));
        assert_eq!(outstanding.settle_update(AGENT, &[0; 16]), Ok(()));
        assert_eq!(outstanding.settle_update(AGENT, &[0; 16]), Err(Refusal::Unknown));
    }
}
