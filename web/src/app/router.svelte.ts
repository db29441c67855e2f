/** The open page, on the browser's history. */
import { type Listing, listingOf } from "../api/listing.ts";
import { type Route, routeOf } from "./paths.ts";

export class Router {
  route = $state<Route>(routeOf(location.pathname));
  private search = $state(location.search);
  /** What the address says after its question mark. */
  readonly query: URLSearchParams = $derived(new URLSearchParams(this.search));
  /** Which images the page lists, or walks through. */
  readonly listing: Listing = $derived(listingOf(this.search));

  /** Follow the history and plain clicks on links. @returns disposer */
  listen(): () => void {
    const onPop = () => this.read();
    const onClick = (event: MouseEvent) => this.followLink(event);
    window.addEventListener("popstate", onPop);
    document.addEventListener("click", onClick);
    return () => {
      window.removeEventListener("popstate", onPop);
      document.removeEventListener("click", onClick);
    };
  }

  go(path: string, { replace = false } = {}): void {
    if (replace) history.replaceState(null, "", path);
    else history.pushState(null, "", path);
    this.read();
  }

  private read(): void {
    this.search = location.search;
    this.route = routeOf(location.pathname);
  }

  private followLink(event: MouseEvent): void {
    const modified = event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (modified || event.defaultPrevented || !link || link.target || link.hasAttribute("download")) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || routeOf(url.pathname).page === "unknown") return;
    event.preventDefault();
    this.go(url.pathname + url.search);
  }
}
