/** Tests read English, unless they choose another language; all are loaded. */
import { LANGUAGES, type Locale, speak } from "./locale.ts";
import { loadTexts } from "./messages.ts";

await Promise.all((Object.keys(LANGUAGES) as Locale[]).map(loadTexts));
speak("en", ["en-US"]);
