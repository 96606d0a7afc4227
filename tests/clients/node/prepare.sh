set -eu
npm install --no-package-lock --no-audit --no-fund --ignore-scripts --omit=dev --loglevel=error
