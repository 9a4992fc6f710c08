// strict reads what is deployed as its readers do, and takes nothing that they would pass over.
//
//	strict json FILE…        the documents of YAML files, one JSON value a line
//	strict kubernetes FILE…  each object by the types of its kind: unknown fields, wrong kinds
//	strict compose FILE      a Compose project, resolved and checked; printed as JSON
//	strict envoy FILE…       an Envoy bootstrap by its protobuf types and their rules
//
// Exit codes: 0 good, 1 a finding (told on standard error), 2 usage. It opens no connection.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	yamldocs "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

var verbs = map[string]func(path string) error{
	"json":       asJSON,
	"kubernetes": kubernetes,
	"compose":    compose,
	"envoy":      envoy,
}

func main() {
	if len(os.Args) < 3 || verbs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: strict json|kubernetes|compose|envoy FILE…")
		os.Exit(2)
	}
	failed := false
	for _, path := range os.Args[2:] {
		if err := verbs[os.Args[1]](path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func asJSON(path string) error {
	return eachDocument(path, func(document []byte) error {
		value, err := yaml.YAMLToJSONStrict(document)
		if err == nil {
			fmt.Printf("%s\n", value)
		}
		return err
	})
}

// Each document of a YAML file that holds anything; all findings, not the first alone.
func eachDocument(path string, do func([]byte) error) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	reader := yamldocs.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	var findings []error
	for number := 1; ; number++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return errors.Join(findings...)
		}
		if err != nil {
			return err
		}
		value, err := yaml.YAMLToJSON(document)
		if err == nil && bytes.Equal(value, []byte("null")) {
			continue
		}
		if err == nil {
			err = do(document)
		}
		if err != nil {
			findings = append(findings, fmt.Errorf("document %d: %w", number, err))
		}
	}
}
