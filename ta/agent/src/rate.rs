// SPDX-License-Identifier: Apache-2.0
//! Limits to how often something is done, whoever asks for it.

/// How often something was done of late: what was done flows out again, evenly over the period.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    /// What was done and has not flown out yet, in parts of which one time has as many as the period has seconds.
    level: u64,
    /// [`Env::uptime`](crate::Env::uptime) when that was so.
    at: u64,
    /// The limit by which it was.
    limit: u64,
}

impl Rate {
    /// Whether it may be done once more, at most `limit` times in `period` seconds; never when `limit` is 0.
    ///
    /// # Errors
    /// Seconds after which it may.
    pub(crate) fn check(&self, limit: u64, period: u64, now: u64) -> Result<(), u64> {
        let room = limit.saturating_mul(period);
        let wanted = self.level_at(limit, period, now).saturating_add(period);
        match wanted.saturating_sub(room) {
            0 => Ok(()),
            excess => Err(excess.checked_div(limit).map_or(u64::MAX, |whole| {
                whole.saturating_add((whole.saturating_mul(limit) != excess).into())
            })),
        }
    }

    /// It was done once.
    pub(crate) fn count(&mut self, limit: u64, period: u64, now: u64) {
        let level = self.level_at(limit, period, now).saturating_add(period);
        *self = Self { level, at: now, limit };
    }

    fn level_at(&self, limit: u64, period: u64, now: u64) -> u64 {
        let flown = now.saturating_sub(self.at).saturating_mul(limit);
        // What was done by a higher limit, or by none, uses up a new one: there is no more to wait for.
        let most = if limit == self.limit { u64::MAX } else { limit.saturating_mul(period) };
        self.level.min(most).saturating_sub(flown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_and_one_past_it() {
        let mut rate = Rate::default();
        for _ in 0..3 {
            assert_eq!(rate.check(3, 60, 1000), Ok(()));
            rate.count(3, 60, 1000);
        }
        assert_eq!(rate.check(3, 60, 1000), Err(20));
        assert_eq!(rate.check(3, 60, 1019), Err(1));
        assert_eq!(rate.check(3, 60, 1020), Ok(()));
        rate.count(3, 60, 1020);
        assert_eq!(rate.check(3, 60, 1020), Err(20), "not more often on average");
        assert_eq!(rate.check(3, 60, 5000), Ok(()));
    }

    #[test]
    fn nothing_is_saved_up() {
        let mut rate = Rate::default();
        rate.count(1, 60, 0);
        for done in [Ok(()), Err(60)] {
            assert_eq!(rate.check(1, 60, 1_000_000), done);
            rate.count(1, 60, 1_000_000);
        }
    }

    #[test]
    fn limit_of_none() {
        assert_eq!(Rate::default().check(0, 60, u64::MAX), Err(u64::MAX));
    }

    #[test]
    fn another_limit_counts_at_once() {
        let mut rate = Rate::default();
        (0..1000).for_each(|_| rate.count(1000, 60, 0));
        assert_eq!(rate.check(2, 60, 0), Err(30), "and not after 500 minutes");
        (0..1000).for_each(|_| rate.count(0, 60, 0));
        assert_eq!(rate.check(2, 60, 29), Err(1), "so it is without a limit before");
        assert_eq!(rate.check(2, 60, 30), Ok(()));
        rate.count(2, 60, 30);
        assert_eq!(rate.check(2, 60, 30), Err(30));
        assert_eq!(rate.check(3, 60, 30), Ok(()), "a higher one");
    }

    #[test]
    fn time_that_goes_back_lets_nothing_flow_out() {
        let mut rate = Rate::default();
        rate.count(1, 60, 1000);
        assert_eq!(rate.check(1, 60, 0), Err(60));
        rate.count(1, 60, 0);
        assert!(rate.check(1, 60, 60).is_err());
    }

    #[test]
    fn numbers_at_their_ends_do_not_overflow() {
        let mut rate = Rate { level: u64::MAX, at: 0, limit: 1 };
        assert!(rate.check(1, 60, 1).is_err());
        rate.count(u64::MAX, u64::MAX, u64::MAX);
        assert!(rate.check(u64::MAX, u64::MAX, u64::MAX).is_ok());
    }
}
