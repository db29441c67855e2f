"""The job that encodes all images of a project ahead of time, a few in the queue at a time."""

from __future__ import annotations

import threading

from limner.encoding.service import EmbeddingService
from limner.store import Database
from limner.store.embeddings import EmbeddingKey, add_embedding, next_unencoded
from limner.store.jobs import act_on_job, announce_job, create_job, get_job, jobs_in_state
from limner.store.projects import count_projects, get_project
from limner.store.tables import Job
from limner.store.types import utc_now

IN_QUEUE = 4  # images of one job that wait for the encoder at once


class Precompute:
    """Feeds the encoder from the running jobs. It has no thread: every answer of the encoder asks for the next images.

    What is done is read from the embeddings that exist, so that nothing is encoded twice and a job goes on where it was
    after a restart. Images that failed are remembered until the server stops. A job fails when the encoder cannot run;
    it goes on by itself once that is mended.
    """

    def __init__(self, database: Database, encoder: EmbeddingService, key: EmbeddingKey) -> None:
        self._database = database
        self._encoder = encoder
        self._key = key
        self._lock = threading.RLock()  # the encoder may answer while it is being asked
        self._failed: set[str] = set()

    def create(self, project_id: int) -> Job:
        """Start a job.

        Raises:
            NotFound: no such project.
            Conflict: the project has an unfinished job of this kind.
        """
        with self._database.write() as session:
            get_project(session, project_id)
            counts = count_projects(session, self._key, project_id).get(project_id)
            total, done = (counts.images, counts.encoded) if counts else (0, 0)
            job = create_job(session, project_id, "precompute", total, done)
            announce_job(session, job)
        self.advance()
        return job

    def advance(self, failed_sha256: str | None = None) -> None:
        """Bring the running jobs up to date and give the encoder more to do.

        Args:
            failed_sha256: an image that the encoder has just failed on.
        """
        with self._lock:
            if failed_sha256 is not None:
                self._failed.add(failed_sha256)
            with self._database.read() as session:
                ids = [job.id for job in jobs_in_state(session, "running")]
            trouble = self._encoder.trouble()
            for job_id in ids:
                if trouble is not None:
                    self._fail(job_id, trouble)
                    continue
                while self._advance_job(job_id):
                    pass

    def revive(self) -> None:
        """The encoder runs: jobs go on that had failed because it did not."""
        with self._lock:
            with self._database.write() as session:
                for job in jobs_in_state(session, "failed"):
                    act_on_job(job, "resume")
                    announce_job(session, job)
            self.advance()

    def _fail(self, job_id: int, reason: str) -> None:
        with self._database.write() as session:
            job = get_job(session, job_id)
            if job.state == "running":
                job.state, job.message, job.updated = "failed", reason, utc_now()
                announce_job(session, job)

    def _advance_job(self, job_id: int) -> bool:
        """Ask for the next images of a job.

        Returns:
            Whether some of them turned out to be settled already, so that there is more to ask for.
        """
        with self._database.write() as session:
            job = get_job(session, job_id)
            if job.state != "running":
                return False
            counts = count_projects(session, self._key, job.project_id).get(job.project_id)
            total, done = (counts.images, counts.encoded) if counts else (0, 0)
            waiting = next_unencoded(session, job.project_id, self._key, self._failed, IN_QUEUE)
            failed = total - done if not waiting else job.failed
            state = job.state if waiting else "done"
            if (job.total, job.done, job.failed, job.state) != (total, done, failed, state):
                job.total, job.done, job.failed, job.state = total, done, failed, state
                if failed and state == "done":
                    job.message = f"{failed} image{'s' if failed > 1 else ''} could not be encoded."
                job.updated = utc_now()
                announce_job(session, job)
        states = {sha256: self._encoder.request(sha256, "precompute").state for sha256 in waiting}
        self._failed.update(sha256 for sha256, state in states.items() if state == "failed")
        found = [sha256 for sha256, state in states.items() if state == "ready"]
        if found:  # encoded, but the server stopped before that was written down
            with self._database.write() as session:
                for sha256 in found:
                    add_embedding(session, sha256, self._key, seconds=0.0, size=0)
        return bool(found) or "failed" in states.values()
