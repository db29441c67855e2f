import { explain } from "../api/errors.ts";

export interface Toast {
  id: number;
  level: "info" | "error";
  message: string;
  hint: string;
  /** Takes back what it tells of. */
  undo?: () => void;
}

const SHOWN_FOR = 6000; // ms; errors stay until they are dismissed
const OFFERED_FOR = 15_000; // ms

/** Short messages in a corner, read out by screen readers. */
export class Toasts {
  list = $state<Toast[]>([]);
  private last = 0;

  info(message: string, hint = ""): void {
    const id = this.add("info", message, hint);
    setTimeout(() => this.dismiss(id), SHOWN_FOR);
  }

  /** Tell what was done, with a way to take it back: of the last such thing only. */
  offer(message: string, undo: () => void): void {
    this.list = this.list.filter((toast) => !toast.undo);
    const id = this.add("info", message, "", undo);
    setTimeout(() => this.dismiss(id), OFFERED_FOR);
  }

  /** Take back what a message offered to. */
  undo(toast: Toast): void {
    this.dismiss(toast.id);
    toast.undo?.();
  }

  error(error: unknown): void {
    const { message, hint } = explain(error);
    const shown = this.list.some((toast) => toast.message === message && toast.level === "error");
    if (!shown) this.add("error", message, hint);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  private add(level: Toast["level"], message: string, hint: string, undo?: () => void): number {
    this.last += 1;
    this.list = [...this.list.slice(-3), { id: this.last, level, message, hint, ...(undo && { undo }) }];
    return this.last;
  }
}
