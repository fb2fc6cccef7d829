#!/bin/sh
# tools/policies.sh and tools/reference_returns.sh with a program that only notes how it is called: what they run,
# from another folder than the repository's, and where they put the files.
#   policy_scripts.sh TOOLS FOLDER
set -eu
tools=$1 folder=$2
rm -rf "$folder"
mkdir -p "$folder/repository/policies/curves" "$folder/elsewhere"
cp -r "$tools" "$folder/repository/tools"
cd "$folder/elsewhere"
cat >program <<'END'
#!/bin/sh
echo "$*" >>calls
[ "$1" != data ] || exit 0
while [ "$1" != --out ]; do shift; done
mkdir -p "$2"
for file in best.safetensors best-critics.safetensors metrics.csv return.png; do echo "$2" >"$2/$file"; done
END
chmod +x program

expect() { # expect WHAT COMMAND...
    what=$1
    shift
    "$@" || { echo "not so: $what" >&2 && exit 1; }
}

for script in policies reference_returns; do
    status=0
    ../repository/tools/$script.sh ./program 2>complaint || status=$?
    expect "$script.sh without a folder ends with 2" [ $status = 2 ]
    expect "$script.sh tells its usage" grep -q "usage: tools/$script.sh PROGRAM OUT \[ENV...\]" complaint
done

../repository/tools/policies.sh ./program runs hopper
expect "hopper is trained" grep -qx \
    "sac --env hopper --seed 0 --steps 1000000 --hidden 128 --batch 128 --threads 1 --out runs/hopper --resume --save-replay runs/hopper-replay-v0" calls
for file in hopper-expert.safetensors hopper-critics.safetensors curves/hopper.csv curves/hopper.png; do
    expect "$file is in its place" grep -qx runs/hopper "../repository/policies/$file"
done

: >calls
../repository/tools/reference_returns.sh ./program runs hopper swimmer
expect "an expert that is shipped is measured" grep -q "^collect --env hopper --version v4 --policy hopper-expert " calls
expect "one that is not is left out" [ "$(grep -c "^collect .* --policy swimmer-expert " calls)" = 0 ]
