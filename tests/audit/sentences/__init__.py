"""Every kind of sentence that depends on data, a file for each part of the page; importing this registers them."""

from tests.audit.sentences import (
    answer as answer,
)  # fmt: skip
from tests.audit.sentences import (
    behind as behind,
)
from tests.audit.sentences import (
    causes as causes,
)
from tests.audit.sentences import (
    costs as costs,
)
from tests.audit.sentences import (
    design as design,
)
from tests.audit.sentences import (
    few_labels as few_labels,
)
from tests.audit.sentences import (
    head as head,
)
from tests.audit.sentences import (
    how_sure as how_sure,
)
from tests.audit.sentences import (
    matching as matching,
)
from tests.audit.sentences import (
    notes as notes,
)
from tests.audit.sentences import (
    pictures as pictures,
)
from tests.audit.sentences import (
    racing as racing,
)
from tests.audit.sentences import (
    racing_factors as racing_factors,
)
from tests.audit.sentences import (
    robustness as robustness,
)
from tests.audit.sentences import (
    stopping as stopping,
)
from tests.audit.sentences import (
    tuning as tuning,
)
