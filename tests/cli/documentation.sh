#!/bin/sh
# The program and its documentation know the same options: every option of a --help page stands in a page of docs/ or in
# the README, the example of each page and every command that the documentation shows take only options that there are.
#   documentation.sh PROGRAM SOURCE FOLDER
set -eu
trapeze=$1 source=$2 folder=$3
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"

# Commands with a page of their own: those of the table, and the verbs of three of them.
"$trapeze" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | grep -vx -e data -e policy -e bench >verbs
"$trapeze" data --help | sed -n 's/^  \([a-z]*\)  .*/data \1/p' >>verbs
"$trapeze" policy --help | sed -n 's/^  trapeze \(policy [a-z]*\) .*/\1/p' >>verbs
"$trapeze" bench --help | sed -n 's/^  \(bench [a-z]*\)  .*/\1/p' >>verbs
n=$(wc -l <verbs)
[ "$n" -ge 25 ] || { echo "found $n commands, expected at least 25" >&2 && exit 1; }

# Lines "VERB --option", of the pages and of what they and the documentation show.
: >known
: >shown
while read -r verb; do
    # shellcheck disable=SC2086 # one word a verb
    "$trapeze" $verb --help >page
    sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p' page | sed "s/^/$verb /" >>known
    sed -n '/^Example:/,$p' page >example
    grep -q "^  trapeze $verb" example || { echo "$verb: its page has no example" >&2 && exit 1; }
    sed -e :a -e '/\\$/N; s/\\\n//; ta' example "$source"/README.md "$source"/policies/README.md "$source"/docs/*.md |
        grep -o "trapeze $verb [^\`|;&)]*" | grep -o -e ' --[a-z0-9-]*' | sort -u | sed "s/^/$verb/" >>shown
done <verbs
[ "$(wc -l <shown)" -ge 100 ] || { echo 'found fewer than 100 options in the commands that are shown' >&2 && exit 1; }

failed=0
cat "$source"/README.md "$source"/docs/*.md | grep -o -e '--[a-z0-9-]*' | sort -u >mentioned
sed 's/.* //' known | grep -vx -e --help | sort -u | comm -23 - mentioned >undocumented
if [ -s undocumented ]; then
    echo 'options without a word in docs/ or README.md:' >&2
    cat undocumented >&2
    failed=1
fi
sort -u known >known.sorted
sort -u shown | comm -13 known.sorted - | grep -v -e ' --help$' >unknown || :
if [ -s unknown ]; then
    echo 'shown, but no option of the command:' >&2
    cat unknown >&2
    failed=1
fi
exit $failed
