import { mount } from "svelte";
import "./ui/styles/tokens.css";
import "./ui/styles/base.css";
import "./ui/styles/controls.css";
import { speakAsChosen } from "./app/language.ts";
import { isOutside } from "./app/paths.ts";
import { createServices } from "./app/services.ts";
import App from "./ui/App.svelte";

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no #app element to mount into");
const services = createServices(); // sets the theme, before anything is painted
// The texts and who is signed in come at the same time; the page asks again if that fails, and says so.
if (!isOutside(services.router.route)) services.account.check().catch(() => undefined);
await speakAsChosen(services.view.settings, (error) => services.toasts.error(error));
mount(App, { target, props: { services } });
