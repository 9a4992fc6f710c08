package main

import (
	"os"

	bootstrap "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	// What a bootstrap may name by its type URL.
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/proxy_protocol/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/raw_buffer/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"sigs.k8s.io/yaml"
)

func envoy(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	value, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return err
	}
	var message bootstrap.Bootstrap
	if err := protojson.Unmarshal(value, &message); err != nil {
		return err
	}
	return valid(&message)
}

// The rules of a message and of every message that is packed in it.
func valid(message proto.Message) error {
	if ruled, is := message.(interface{ ValidateAll() error }); is {
		if err := ruled.ValidateAll(); err != nil {
			return err
		}
	}
	var found error
	message.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		found = validIn(field, value)
		return found == nil
	})
	return found
}

func validIn(field protoreflect.FieldDescriptor, value protoreflect.Value) error {
	if field.Message() == nil {
		return nil
	}
	var found error
	switch {
	case field.IsMap():
		if field.MapValue().Message() == nil {
			return nil
		}
		value.Map().Range(func(_ protoreflect.MapKey, item protoreflect.Value) bool {
			found = unpacked(item.Message().Interface())
			return found == nil
		})
	case field.IsList():
		for at := 0; at < value.List().Len() && found == nil; at++ {
			found = unpacked(value.List().Get(at).Message().Interface())
		}
	default:
		found = unpacked(value.Message().Interface())
	}
	return found
}

func unpacked(message proto.Message) error {
	packed, is := message.(*anypb.Any)
	if !is {
		return valid(message)
	}
	inner, err := packed.UnmarshalNew()
	if err != nil {
		return err
	}
	return valid(inner)
}
