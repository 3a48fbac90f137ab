//! Data sets: generators, preparation, splits, and readers that refuse what is wrong.

mod generators;
