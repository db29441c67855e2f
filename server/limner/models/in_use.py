"""Which model a project uses: the one that it names, as long as that is installed, else the installation's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from limner.errors import MissingWeights, ModelError
from limner.models.catalogue import InstalledModel, ModelCard, find_model, look_through


@dataclass(frozen=True)
class UsedModel:
    """What a project gets.

    Attributes:
        card: of the model in use.
        wanted: the name that the project has chosen; None: whatever the installation uses.
        problem: why the model in use is not the wanted one; "" when it is.
    """

    card: ModelCard
    wanted: str | None
    problem: str = ""

    @property
    def weights_sha256(self) -> str:
        """Keys embeddings and graphs."""
        return self.card.weights_sha256


class Models:
    """The installed models as they are now: what is added, replaced or removed on disk shows at the next question.

    Args:
        home: Limner's folder.
        default: what the installation uses, as it was when the server started.
    """

    def __init__(self, home: Path, default: InstalledModel) -> None:
        self._home = home
        self.default = default

    def find(self, name: str) -> InstalledModel:
        """The installed model of this name.

        Raises:
            MissingWeights: there is none; the message says what would install it, or what is installed.
            ModelError: its card cannot be read.
        """
        for model in self.usable():
            if model.name == name:
                return model
        return find_model(name, self._home)  # raises, and says why

    def used_by(self, wanted: str | None) -> UsedModel:
        """What a project gets that has chosen this name, or none. Never raises: a project can always be opened."""
        if wanted is None:
            return UsedModel(self.default.card, None)
        try:
            return UsedModel(self.find(wanted).card, wanted)
        except ModelError as error:
            title = self.default.card.title or self.default.name
            problem = f"This project uses {title} meanwhile: its own model {wanted} cannot be used. {error}"
            return UsedModel(self.default.card, wanted, problem)

    def by_weights(self, weights_sha256: str) -> InstalledModel:
        """The installed model with these weights.

        Raises:
            MissingWeights: there is none.
        """
        for model in self.usable():
            if model.card.weights_sha256 == weights_sha256:
                return model
        raise MissingWeights(
            f"No installed model has the weights {weights_sha256[:12]}….",
            hint="Install it again (limner models add FILE), or choose another model for the project.",
        )

    def usable(self) -> Sequence[InstalledModel]:
        """All whose cards can be read, by name; the default as it was at the start."""
        others = [model for model in look_through(self._home)[0] if model.name != self.default.name]
        return sorted([self.default, *others], key=lambda model: model.name)
