"""cdk-nag over the resources of the app in the current folder, which is synthesised on the way.

Prints what each pack found, as JSON: {pack: [[rule, what is wrong, path of the construct], …]}.
"""

import json
import sys

from cdk_nag import AwsSolutionsChecks, ServerlessChecks

sys.path.insert(0, "")
from app import app

found = {
    pack.read_pack_name: [
        [broken.rule_name, broken.description, resource.construct_path]
        for broken in pack.validate_scope(app).violations
        for resource in broken.violating_resources
    ]
    for pack in (AwsSolutionsChecks(app), ServerlessChecks(app))
}
sys.stdout.write(json.dumps(found))
