from faceline.api import compare as compare
from faceline.api import compose as compose
from faceline.api import evaluate as evaluate
from faceline.api import export as export
from faceline.api import train as train
from faceline.data.datamodule import LandmarkData as LandmarkData
from faceline.data.shapes import ShapeData as ShapeData
from faceline.data.synthetic import SyntheticFaces as SyntheticFaces
from faceline.errors import InputError as InputError
from faceline.inference.detection import DetectedFace as DetectedFace
from faceline.inference.detection import detect_faces as detect_faces
from faceline.inference.recognition import embed_face as embed_face
from faceline.inference.recognition import match_threshold as match_threshold
from faceline.inference.runtime import LandmarkRuntime as LandmarkRuntime
from faceline.loading import load as load
from faceline.models.face_embedder import FaceEmbedder as FaceEmbedder
from faceline.models.landmark_detector import LandmarkDetector as LandmarkDetector
from faceline.models.shape_classifier import ShapeClassifier as ShapeClassifier

__version__: str
