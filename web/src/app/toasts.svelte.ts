import { explain } from "../api/errors.ts";

export interface Toast {
  id: number;
  level: "info" | "error";
  message: string;
  hint: string;
}

const SHOWN_FOR = 6000; // ms; errors stay until they are dismissed

/** Short messages in a corner, read out by screen readers. */
export class Toasts {
  list = $state<Toast[]>([]);
  private last = 0;

  info(message: string, hint = ""): void {
    const id = this.add("info", message, hint);
    setTimeout(() => this.dismiss(id), SHOWN_FOR);
  }

  error(error: unknown): void {
    const { message, hint } = explain(error);
    const shown = this.list.some((toast) => toast.message === message && toast.level === "error");
    if (!shown) this.add("error", message, hint);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  private add(level: Toast["level"], message: string, hint: string): number {
    this.last += 1;
    this.list = [...this.list.slice(-3), { id: this.last, level, message, hint }];
    return this.last;
  }
}
