/** Tests read English, unless they choose another language. */
import { speak } from "./locale.ts";

speak("en", ["en-US"]);
