/** What happens in a project, as it happens: server-sent events. The browser reconnects and asks for what it missed. */
import { projectEvents } from "./client.ts";
import type { EmbeddingState, ImageMark, Job } from "./types.ts";

export interface ProjectEvents {
  image?: (event: { image_id: number; action: "created" | "deleted" }) => void;
  annotations?: (event: {
    image_id: number;
    revision: number;
    annotation_count: number;
    mark: ImageMark;
  }) => void;
  embedding?: (event: { image_id: number; state: EmbeddingState; error?: string | null }) => void;
  /** A part of an image, encoded on its own; `region` is "x,y,width,height". */
  region?: (event: { image_id: number; region: string; state: EmbeddingState }) => void;
  job?: (event: Job) => void;
  /** Something may have been missed, e.g. while the server was restarted: read everything again. */
  reset?: () => void;
}

const RETRY = 5000; // ms; after an answer that EventSource does not retry, e.g. an expired login

/** @returns disposer */
export function listenToProject(projectId: number, handlers: ProjectEvents): () => void {
  let source: EventSource;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let interrupted = false;

  const connect = () => {
    source = new EventSource(projectEvents(projectId));
    for (const [name, handle] of Object.entries(handlers) as [string, (event: unknown) => void][]) {
      source.addEventListener(name, (event: MessageEvent<string>) => handle(JSON.parse(event.data)));
    }
    source.addEventListener("open", () => {
      // A new source, or one that has heard nothing yet, cannot say what it missed.
      if (interrupted) handlers.reset?.();
      interrupted = false;
    });
    source.addEventListener("error", () => {
      interrupted = true;
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(connect, RETRY);
    });
  };

  connect();
  return () => {
    source.close();
    if (timer !== null) clearTimeout(timer);
  };
}
