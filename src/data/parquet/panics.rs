//! Where the `parquet` crate panics on damaged bytes, this makes an error of it.
//!
//! Its decoders slice, index and assert by what a file says of itself. What would take memory is checked before they see
//! it; the rest ends here, and says nothing on standard error, since it is the file that is wrong and not the program.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use super::thrift::Found;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}
static HOOK: Once = Once::new();

/// What `read` gives, or that it panicked. What it has changed must not be used after that.
pub(super) fn caught<T>(read: impl FnOnce() -> Result<T, Found>) -> Result<T, Found> {
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(read));
    QUIET.set(false);
    result.unwrap_or_else(|_| Err("values that contradict one another".to_owned()))
}
