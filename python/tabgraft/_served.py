"""The model that MLflow serves: this file is what is logged as its code (models from code)."""

from typing import Any

from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from tabgraft.mlflow import _open


class ServedModel(PythonModel):
    """Vectors of a space, or predictions of a predictor, as a frame."""

    def load_context(self, context: Any) -> None:
        """Reads the model's file, once."""
        self.model = _open(context.artifacts["model"])

    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """One row for each row of ``model_input``."""
        import pandas as pd

        import tabgraft

        if isinstance(self.model, tabgraft.EmbeddingSpace):
            z = self.model.embed(model_input)
            return pd.DataFrame(z, columns=[f"z{i}" for i in range(z.shape[1])])
        return self.model.predict(model_input).to_pandas().reset_index(drop=True)


set_model(ServedModel())
