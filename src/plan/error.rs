//! What can be wrong with a plan.

use crate::graph::GraphError;

/// A graph that cannot be planned for a device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A tensor that the device cannot bind.
    #[error(
        "plan `{plan}`: `{tensor}` takes {bytes} bytes, and the device binds at most {limit} at once; \
         use smaller layers or batches, or `--device cpu`"
    )]
    TooLarge {
        /// The plan.
        plan: String,
        /// The tensor.
        tensor: String,
        /// Its size.
        bytes: u64,
        /// What the device can bind.
        limit: u64,
    },
    /// A step whose loops the device would end too early.
    #[error(
        "plan `{plan}`, {step}: its loops take {turns} turns, and this software driver ends them after {limit}; \
         use smaller layers or batches, or `--device cpu`"
    )]
    TooLong {
        /// The plan.
        plan: String,
        /// The step.
        step: String,
        /// The turns it takes.
        turns: u64,
        /// The turns the device can take.
        limit: u64,
    },
    /// A step that reads and writes one block of the store, which a device cannot bind for both.
    #[error(
        "plan `{plan}`, {step}: `{tensor}` is in the same block of the store as another of its operands; \
         declare it in a block of its own, or compute it in two steps"
    )]
    SharedBlock {
        /// The plan.
        plan: String,
        /// The step.
        step: String,
        /// What is written.
        tensor: String,
    },
    /// Numbers of half precision, on a device without.
    #[error(
        "plan `{plan}`: `{tensor}` is f16, and the device has no numbers of half precision in its shaders (the feature \
         SHADER_F16); use `--precision single`, another device, or `--device cpu`"
    )]
    NoHalf {
        /// The plan.
        plan: String,
        /// The first tensor that is f16.
        tensor: String,
    },
    /// The graph is at fault.
    #[error(transparent)]
    Graph(#[from] GraphError),
}
