// SPDX-License-Identifier: Apache-2.0
//! What Linux asked for of late, so that the TAMs are not asked for the same again and again.

use crate::agent::Failed;
use crate::component;
use crate::limits::{MAX_REQUESTS, push_latest};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A component that a session asks for: its encoded identifier. It is asked for as long as the session has this.
pub(crate) type Requested = Arc<[u8]>;

/// The latest requests, of all sessions.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    list: Vec<Request>,
}

#[derive(Debug)]
struct Request {
    component: Requested,
    tam: String,
    /// [`Env::uptime`](crate::Env::uptime) when the TAM was told.
    told: Option<u64>,
}

impl Requests {
    /// Takes a request for the component `id`, of which the TAM at `tam` is to be told.
    ///
    /// # Errors
    /// When another session asks for it, or this TAM was told less than `interval` seconds ago.
    pub(crate) fn take(
        &mut self,
        id: &[u8],
        tam: &str,
        interval: u64,
        now: u64,
    ) -> Result<Requested, Failed> {
        let is_recent = |told: u64| now.saturating_sub(told) < interval;
        self.list.retain(|request| request.is_asked_for() || request.told.is_some_and(is_recent));
        let mut same = self.list.iter().filter(|request| component::same(&request.component, id));
        if same.clone().any(Request::is_asked_for) {
            return Err("another session asks a TAM for this component just now: wait for its end".to_owned());
        }
        if let Some(told) = same.find(|request| request.tam == tam).and_then(|request| request.told) {
            let wait = interval.saturating_sub(now.saturating_sub(told));
            return Err(format!(
                "{tam} was asked for this component a short time ago, and it is not there: ask again in {wait} seconds, \
                 or propose another TAM"
            ));
        }
        let component = Requested::from(id);
        let request = Request { component: Arc::clone(&component), tam: tam.to_owned(), told: None };
        push_latest(&mut self.list, MAX_REQUESTS, request);
        Ok(component)
    }

    /// The TAM was told of `requested`.
    pub(crate) fn told(&mut self, requested: &Requested, now: u64) {
        if let Some(request) = self.list.iter_mut().find(|request| request.is(requested)) {
            request.told = Some(now);
        }
    }

    /// `requested` is there, or the TAM may not have heard of it: it may be asked for at once when it is wanted again.
    pub(crate) fn forget(&mut self, requested: &Requested) {
        self.list.retain(|request| !request.is(requested));
    }
}

impl Request {
    fn is_asked_for(&self) -> bool {
        Arc::strong_count(&self.component) > 1
    }

    fn is(&self, requested: &Requested) -> bool {
        Arc::ptr_eq(&self.component, requested)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use teep_proto::suit::{ComponentId, text};

    const TAM: &str = "http://tam.example/tam";

    fn id(n: u8) -> Vec<u8> {
        ComponentId::encode(&[[n; 16]])
    }

    #[test]
    fn one_session_at_a_time_asks_for_a_component() {
        let mut requests = Requests::default();
        let first = requests.take(&id(1), TAM, 0, 0).expect("the first one");
        assert!(requests.take(&id(1), "http://other.example", 0, 0).is_err());
        assert!(
            requests.take(&ComponentId::encode(&text::native_ta([1; 16])), TAM, 0, 0).is_err(),
            "its name"
        );
        assert!(requests.take(&id(2), TAM, 0, 0).is_ok());
        drop(first);
        assert!(requests.take(&id(1), TAM, 0, 0).is_ok());
    }

    #[test]
    fn tam_that_was_told_is_told_again_after_the_interval() {
        let mut requests = Requests::default();
        let first = requests.take(&id(1), TAM, 60, 0).expect("the first one");
        requests.told(&first, 10);
        drop(first);
        let refused = requests.take(&id(1), TAM, 60, 69).expect_err("within the interval");
        assert!(refused.contains("in 1 seconds"), "{refused}");
        assert!(requests.take(&id(1), "http://other.example", 60, 69).is_ok(), "another TAM");
        assert!(requests.take(&id(1), TAM, 60, 70).is_ok());
        // Nobody was told of this one.
        assert!(requests.take(&id(1), TAM, 60, 70).is_ok());
    }

    #[test]
    fn request_that_did_not_arrive_is_none() {
        let mut requests = Requests::default();
        let first = requests.take(&id(1), TAM, 60, 0).expect("the first one");
        requests.told(&first, 0);
        requests.forget(&first);
        drop(first);
        assert!(requests.take(&id(1), TAM, 60, 0).is_ok());
    }

    #[test]
    fn limit_of_requests_and_one_past_it() {
        let mut requests = Requests::default();
        let take = |requests: &mut Requests, n: usize| {
            let id = ComponentId::encode(&[n.to_be_bytes()]);
            let taken = requests.take(&id, TAM, 60, 0)?;
            requests.told(&taken, 0);
            Ok::<_, Failed>(())
        };
        for n in 0..MAX_REQUESTS {
            take(&mut requests, n).expect("room");
        }
        assert!(take(&mut requests, 0).is_err(), "it is remembered");
        take(&mut requests, MAX_REQUESTS).expect("in the place of the first one");
        assert_eq!(requests.list.len(), MAX_REQUESTS);
        take(&mut requests, 0).expect("it is not remembered any more");
    }
}
