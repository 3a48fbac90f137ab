//! What can be wrong with a plan.

use crate::graph::GraphError;

/// A graph that cannot be planned for a device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A tensor that the device cannot bind, in a step that cannot be split so that it binds only a part of it.
    #[error(
        "plan `{plan}`: `{tensor}` takes {bytes} bytes, the device binds at most {limit} at once, and there is no place \
         to cut it; use smaller layers or batches, or `--device cpu`"
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
    /// A buffer that the device does not have.
    #[error(
        "plan `{plan}`: a buffer takes {bytes} bytes, and the device's largest holds {limit}; \
         use smaller layers or batches, or `--device cpu`"
    )]
    Buffer {
        /// The plan.
        plan: String,
        /// The buffer's size.
        bytes: u64,
        /// The size of the largest.
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
