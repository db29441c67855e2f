/** Calls about the addresses outside that are told what happens in a project. Each rejects with ApiError or NetworkError. */
import { apiOf, body } from "./calls.ts";
import type { Http } from "./http.ts";
import type { CreatedWebhook, Delivery, ToldEvent, Webhook } from "./types.ts";

const ONE = "/api/v1/projects/{project_id}/webhooks/{webhook_id}";

export class WebhooksClient {
  private readonly api;

  constructor(http: Http) {
    this.api = apiOf(http.fetch);
  }

  list = async (projectId: number) => {
    const answer = this.api.GET("/api/v1/projects/{project_id}/webhooks", {
      params: { path: { project_id: projectId } },
    });
    return (await body<{ webhooks: Webhook[] }>(answer)).webhooks;
  };
  /** The answer has the secret, once. */
  create = (projectId: number, url: string, events: ToldEvent[]) =>
    body<CreatedWebhook>(
      this.api.POST("/api/v1/projects/{project_id}/webhooks", {
        params: { path: { project_id: projectId } },
        body: { url, events },
      }),
    );
  enable = (projectId: number, id: number, enabled: boolean) =>
    body<Webhook>(this.api.PATCH(ONE, { params: pathOf(projectId, id), body: { enabled } }));
  remove = (projectId: number, id: number) => this.api.DELETE(ONE, { params: pathOf(projectId, id) });
  test = (projectId: number, id: number) =>
    body<Delivery>(this.api.POST(`${ONE}/test`, { params: pathOf(projectId, id) }));
  /** Newest first. */
  deliveries = async (projectId: number, id: number) => {
    const answer = this.api.GET(`${ONE}/deliveries`, { params: pathOf(projectId, id) });
    return (await body<{ deliveries: Delivery[] }>(answer)).deliveries;
  };
}

const pathOf = (projectId: number, id: number) => ({ path: { project_id: projectId, webhook_id: id } });
