_final: prev: {
  greet = prev.hello;
}
