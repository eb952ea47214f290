//! The few lines between a route and its channel: read the body, submit, reply.

mod opt_out;
mod people;
mod phone;
mod programs;
mod widget;

pub(super) use self::{
    opt_out::{opt_out_page, opt_out_post},
    people::{form_page, link_page, no_page, page_post, refused_page},
    phone::{event, telnyx, twilio},
    programs::links,
    widget::{beacon, definition, preflight, widget_version},
};
