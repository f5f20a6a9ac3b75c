from .accuracy.predicted import Top1Predictor as Top1Predictor
from .cost import Cost as Cost
from .parameter import Parameter as Parameter
from .registry import load as load
from .registry import names as names
from .space import SearchSpace as SearchSpace
from .supernet import Supernet as Supernet
