/** Calls about who is signed in, and about the server itself. Each rejects with ApiError or NetworkError. */
import { type Apis, body } from "./calls.ts";
import type { ServerStatus, Session } from "./types.ts";

export const sessionCalls = ({ api }: Apis) => ({
  session: () => body<Session>(api.GET("/api/v1/session")),
  signIn: (by: { token: string } | { name: string; password: string }) =>
    body<Session>(api.POST("/api/v1/session", { body: by })),
  /** The address at which signing out goes on, at the provider with which one signed in; null: nowhere. */
  signOut: async (): Promise<string | null> => (await api.DELETE("/api/v1/session")).data?.address ?? null,
  server: () => body<ServerStatus>(api.GET("/api/v1/server")),
});
