#!/bin/sh
# Counts to 10, or to what the query says: ws://…/?to=3
to=$(expr "$QUERY_STRING" : 'to=\([0-9]\{1,4\}\)$')
i=1
while [ "$i" -le "${to:-10}" ]; do
  echo "$i"
  i=$((i + 1))
  sleep 1
done
