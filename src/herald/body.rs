//! Messages as each kind of address takes them. Links and mentions in what a user wrote mean nothing there.

use super::Message;
use crate::config::{Kind, Occasion};
use crate::text::sanitize;
use serde_json::{Value, json};

/// Of how a message looks where that can be said.
const GREEN: u32 = 0x2c_a02c;
const RED: u32 = 0xd6_2728;
const BLUE: u32 = 0x1f_77b4;

/// The JSON that `kind` takes; `topic` is that of ntfy.
pub fn body(kind: Kind, message: &Message, topic: &str) -> Value {
    let title = cut(&format!("{} {}", sign(message.event), sanitize(&message.title)), 250);
    let text = message.lines.iter().map(|line| sanitize(line)).collect::<Vec<_>>().join("\n");
    let bad = matches!(message.event, Occasion::Failed | Occasion::Crashed | Occasion::Alert);
    match kind {
        Kind::Slack => {
            let (title, text) = (escaped(&title), cut(&escaped(&text), 2800));
            let code =
                if text.is_empty() { String::new() } else { format!("\n```\n{}\n```", text.replace("```", "'''")) };
            let block = json!({ "type": "section", "text": { "type": "mrkdwn", "text": format!("*{title}*{code}") } });
            json!({ "text": title, "blocks": [block] })
        }
        Kind::Discord => {
            let colour = match message.event {
                Occasion::Finished | Occasion::Best => GREEN,
                _ if bad => RED,
                _ => BLUE,
            };
            let code = format!("```\n{}\n```", cut(&text.replace("```", "'''"), 4000));
            let embed = json!({ "title": title, "description": code, "color": colour });
            json!({ "embeds": [embed], "allowed_mentions": { "parse": [] } })
        }
        Kind::Teams => {
            let style = if bad { "attention" } else { "default" };
            let block = |text: &str, more: Value| {
                let mut block = json!({ "type": "TextBlock", "text": text, "wrap": true });
                if let (Some(block), Value::Object(more)) = (block.as_object_mut(), more) {
                    block.extend(more);
                }
                block
            };
            let lines = message.lines.iter().take(40);
            let lines = lines
                .map(|line| block(&cut(&sanitize(line), 500), json!({ "fontType": "monospace", "spacing": "none" })));
            let title = block(&title, json!({ "weight": "bolder", "color": style }));
            let card = json!({
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
                "body": std::iter::once(title).chain(lines).collect::<Vec<_>>(),
            });
            let attachment = json!({ "contentType": "application/vnd.microsoft.card.adaptive", "content": card });
            json!({ "type": "message", "attachments": [attachment] })
        }
        Kind::Ntfy => json!({
            "topic": topic, "title": title, "message": cut(if text.is_empty() { &title } else { &text }, 3500),
            "priority": if bad { 4 } else { 3 },
            "tags": [if bad { "warning" } else if message.event == Occasion::Finished { "white_check_mark" } else { "microscope" }],
        }),
        Kind::Json => serde_json::to_value(message).unwrap_or_default(),
    }
}

fn sign(occasion: Occasion) -> char {
    match occasion {
        Occasion::Started => '▶',
        Occasion::Epoch => '·',
        Occasion::Best => '★',
        Occasion::Finished => '✓',
        Occasion::Stopped => '■',
        Occasion::Alert | Occasion::Failed | Occasion::Crashed => '!',
    }
}

/// At most `most` characters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// As Slack wants it: nothing in it is a link or a mention.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
