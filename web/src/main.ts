import { mount } from "svelte";
import "./ui/styles/tokens.css";
import "./ui/styles/base.css";
import "./ui/styles/controls.css";
import { speakAsChosen } from "./app/language.ts";
import { createServices } from "./app/services.ts";
import App from "./ui/App.svelte";

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no #app element to mount into");
const services = createServices(); // sets the theme, before anything is painted
await speakAsChosen(services.view.settings, (error) => services.toasts.error(error));
mount(App, { target, props: { services } });
