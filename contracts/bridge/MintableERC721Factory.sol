// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {OptimismMintableERC721} from "./OptimismMintableERC721.sol";

/// Makes images of the other chain's collections of ERC-721 tokens, for anyone. See MintableERC20Factory.
abstract contract MintableERC721Factory {
    string public constant version = "1.5.0+varve.1";

    /// Slot 0: what was made here.
    mapping(address => bool) public isOptimismMintableERC721;

    event OptimismMintableERC721Created(address indexed localToken, address indexed remoteToken, address deployer);

    function createOptimismMintableERC721(address _remoteToken, string memory _name, string memory _symbol)
        external
        returns (address)
    {
        require(_remoteToken != address(0), "OptimismMintableERC721Factory: L1 token address cannot be address(0)");
        bytes32 salt = keccak256(abi.encode(_remoteToken, _name, _symbol));
        address localToken =
            address(new OptimismMintableERC721{salt: salt}(bridge(), remoteChainId(), _remoteToken, _name, _symbol));
        isOptimismMintableERC721[localToken] = true;
        emit OptimismMintableERC721Created(localToken, _remoteToken, msg.sender);
        return localToken;
    }

    /// The bridge on this chain.
    function bridge() public view virtual returns (address);

    function remoteChainId() public view virtual returns (uint256);

    function BRIDGE() external view returns (address) {
        return bridge();
    }

    function REMOTE_CHAIN_ID() external view returns (uint256) {
        return remoteChainId();
    }
}
