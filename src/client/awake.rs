//! A time limit that counts only the time during which this process runs.

use std::pin::pin;
use std::time::Duration;

/// The clock is looked at this often. A suspension costs one step of the limit, however long it is.
const STEP: Duration = Duration::from_secs(1);
/// After the limit the work gets a last look: an answer that came during a suspension still has to be read from its
/// socket.
const LAST_LOOK: Duration = Duration::from_millis(100);

/// Runs `work` for at most `limit`. Time during which the process was suspended (Ctrl-Z, a paused container, a laptop
/// that sleeps) does not count: an answer that came meanwhile may hold the only copy of a new refresh token.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut left = limit;
    while !left.is_zero() {
        let step = STEP.min(left);
        if let Ok(done) = tokio::time::timeout(step, &mut work).await {
            return Some(done);
        }
        left -= step;
    }
    tokio::time::timeout(LAST_LOOK, work).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks the thread, as a suspension does, and answers only afterwards.
    async fn suspended(answer: tokio::sync::oneshot::Sender<()>) {
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_millis(2500));
        let _ = answer.send(());
    }

    #[test]
    fn an_answer_that_came_during_a_suspension_is_read() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let found = runtime.block_on(async {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let work = async {
                let _ = receiver.await;
                // A connection's task reads the socket before the caller sees the answer.
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
            };
            let limited = within(Duration::from_secs(1), work);
            tokio::join!(limited, suspended(sender)).0
        });
        assert_eq!(found, Some(()));
    }

    #[test]
    fn work_without_an_end_is_given_up() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let never = std::future::pending::<()>();
        assert_eq!(
            runtime.block_on(within(Duration::from_secs(2), never)),
            None
        );
    }
}
