//! Limits: who may submit how much.
