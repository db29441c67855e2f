import type { Client } from "../api/client.ts";
import { explain } from "../api/errors.ts";
import type { ServerStatus } from "../api/types.ts";

const SOON = 2_000; // ms, while the encoder starts or works
const CALM = 15_000; // ms

/** What the server says about itself, kept fresh while somebody looks at the page. */
export class ServerWatch {
  status = $state<ServerStatus | null>(null);
  problem = $state("");
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly client: Client) {}

  /** @returns disposer */
  watch(): () => void {
    const look = async () => {
      if (!document.hidden) await this.refresh();
      this.timer = setTimeout(look, this.busy ? SOON : CALM);
    };
    void look();
    return () => {
      if (this.timer !== null) clearTimeout(this.timer);
    };
  }

  async refresh(): Promise<void> {
    try {
      this.status = await this.client.server();
      this.problem = "";
    } catch (error) {
      this.problem = explain(error).message;
    }
  }

  private get busy(): boolean {
    const status = this.status;
    return !status || status.encoder.state === "starting" || status.queue.waiting + status.queue.running > 0;
  }
}
