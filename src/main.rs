//! voxgate, the front door for customer feedback.
fn main() {}
