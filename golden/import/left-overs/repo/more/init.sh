# on
set -o vi
