/** Calls about images on which several people work. Each rejects with ApiError or NetworkError. */
import { apiOf } from "./calls.ts";
import type { Http } from "./http.ts";
import { ROOT } from "./root.ts";
import type { AgreementSummary, ComparedAnswers, ComparedImages, Project, Settlement } from "./types.ts";

export class AgreementClient {
  private readonly api;

  constructor(http: Http) {
    this.api = apiOf(http.fetch);
  }

  async summary(projectId: number): Promise<AgreementSummary> {
    const answer = await this.api.GET("/api/v1/projects/{project_id}/statistics/agreement", {
      params: { path: { project_id: projectId } },
    });
    return answer.data as AgreementSummary;
  }

  async images(projectId: number): Promise<ComparedImages> {
    const answer = await this.api.GET("/api/v1/projects/{project_id}/overlap", {
      params: { path: { project_id: projectId } },
    });
    return answer.data as ComparedImages;
  }

  async answers(imageId: number): Promise<ComparedAnswers> {
    const answer = await this.api.GET("/api/v1/images/{image_id}/overlap", {
      params: { path: { image_id: imageId } },
    });
    return answer.data as ComparedAnswers;
  }

  async settle(imageId: number, settlement: Settlement): Promise<void> {
    await this.api.PUT("/api/v1/images/{image_id}/overlap", {
      params: { path: { image_id: imageId } },
      body: settlement,
    });
  }

  /** @param change the share of images, 0 to 1, or how many people work on each of them */
  async choose(
    projectId: number,
    change: { overlap_share: number } | { overlap_people: number },
  ): Promise<Project> {
    const answer = await this.api.PATCH("/api/v1/projects/{project_id}", {
      params: { path: { project_id: projectId } },
      body: change,
    });
    return answer.data as Project;
  }
}

export const agreementTable = (projectId: number) =>
  `${ROOT}/api/v1/projects/${projectId}/statistics/agreement.csv`;
