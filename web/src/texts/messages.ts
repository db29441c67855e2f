/**
 * All texts that people read, as functions: `m.app_language_label()`. They are made from `messages/`; see the README.md there.
 *
 * A text is asked for when it is shown, never while a module loads: the language is known only then.
 */
export * as m from "./generated/messages/_index.js";
