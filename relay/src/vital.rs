//! Threads without which the process is of no use.

use std::{io, process, thread};

/// Starts a thread that every meeting needs. Should it panic, the process ends, and whoever watches over it starts a new one: a
/// relay that goes on without it looks well from outside and serves nobody.
pub(crate) fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name).spawn(move || {
        let _ends_with_it = EndsWithIt;
        body();
    })
}

struct EndsWithIt;

impl Drop for EndsWithIt {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!(
                thread = thread::current().name(),
                "a thread that all need has panicked; the process ends"
            );
            process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{env, process::Command};

    use super::*;

    /// Runs itself as another process.
    #[test]
    fn a_panic_ends_the_process() {
        const CHILD: &str = "CONVOKE_TEST_VITAL";
        if let Ok(what) = env::var(CHILD) {
            let thread = spawn("vital".to_owned(), move || assert_eq!(what, "well"));
            let _ = thread.expect("a thread").join();
            return;
        }
        let ends_well = |what| {
            Command::new(env::current_exe().expect("a path"))
                .args(["--exact", "vital::tests::a_panic_ends_the_process"])
                .env(CHILD, what)
                .output()
                .expect("run")
                .status
                .success()
        };
        assert!(ends_well("well"));
        assert!(!ends_well("ill"));
    }
}
